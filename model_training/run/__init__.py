"""A training run: its configuration, its recordings, its methods and its folder."""
