"""Entities and codes of a recording, merged into one matrix of labels."""
