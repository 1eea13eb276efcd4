"""What a GPU does with the shipped graphs and with training: see docs/train/gpu.md.

This package is copied into a folder by `model_training.recipes.gpu_carry` and runs where there are
only Python, numpy and torch; so it imports nothing else, and its own modules by their place.
"""
