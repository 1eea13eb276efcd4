"""The text encoder: loaded, adapted to the wordings of the field, and frozen."""
