"""Training, evaluation and export of the encoders; the only place where torch lives."""
