"""The HTTP shell around the engine: recordings and queries in, ranked probabilities out."""

from pathlib import Path

SHIPPED_BUNDLE_DIR = Path(__file__).parent / "bundle"
"""Folder of the shipped bundle, inside this package."""
