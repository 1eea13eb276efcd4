"""Processes that serve: one or several, supervised, on one port."""
