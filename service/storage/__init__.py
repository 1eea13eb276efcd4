"""What is kept: registered conditions (SQLite or Redis), and embeddings (Redis)."""
