"""Statistics that training, evaluation and hospitals share: ranking, significance, calibration."""
