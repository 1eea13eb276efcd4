"""Evaluation of a trained run: conditions known and left out, wordings, other hospitals."""
