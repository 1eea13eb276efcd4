"""The command `cardioquery`."""

from cardioquery.cli.app import main

__all__ = ["main"]
