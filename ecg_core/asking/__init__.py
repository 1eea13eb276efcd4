"""Questions answered: what has to be asked of the model and of measurements, and what follows."""
