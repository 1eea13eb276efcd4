"""The HTTP shell around the core: recordings and queries in, ranked probabilities out."""
