"""Requests taken in: bounded bodies, forms and uploads."""
