"""What must be identical in training and serving: recordings, preprocessing, conditions, bundle."""
