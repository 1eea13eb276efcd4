"""Readers of the XML formats that devices write."""
