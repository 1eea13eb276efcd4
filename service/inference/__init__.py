"""Running the bundle's graphs."""
