"""The engine: from files and a question to ranked probabilities; knows no HTTP and no Redis."""
