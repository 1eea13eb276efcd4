"""Queries: understood, embedded, and compared with what the model was trained on."""
