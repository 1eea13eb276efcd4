"""Entities read from reports by rules."""
