"""Reader of SCP-ECG (EN 1064)."""
