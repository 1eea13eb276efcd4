"""What must be identical when training and when serving: recordings, preprocessing, conditions, bundles."""
