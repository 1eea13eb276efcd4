"""Public releases as they are downloaded, read by the same code that serves."""
