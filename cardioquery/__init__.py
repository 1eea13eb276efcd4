"""The Python client and the command line."""

from cardioquery.client import *  # noqa: F403 - its `__all__` is the one list of what is public
