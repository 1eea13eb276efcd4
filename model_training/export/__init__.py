"""A trained run written as the bundle that the service loads."""
