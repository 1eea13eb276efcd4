"""How close a query must come to a trained condition to count as near it."""

# A free text with this cosine similarity to a trained condition counts as near it. Set by hand, not
# fitted: it only labels a finding and changes no probability. Similar is not the same
# ("ventricular fibrillation" is near "atrial fibrillation"; see docs/training.md).
NEAR_SIMILARITY = 0.75
