"""Mentions counted in many reports, to find what the rules miss."""
