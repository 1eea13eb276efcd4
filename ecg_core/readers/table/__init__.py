"""Delimited text: bytes to cells, cells to columns, columns to a recording."""
