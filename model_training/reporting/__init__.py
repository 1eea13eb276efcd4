"""Reports, plots and the model card, made from the figures of an evaluation."""
