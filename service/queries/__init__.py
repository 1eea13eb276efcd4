"""What can be asked: the registry of conditions, and the embeddings of queries."""
