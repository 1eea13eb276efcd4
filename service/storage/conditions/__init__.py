"""Conditions that can be asked for: the built-in ones and those that callers register."""
