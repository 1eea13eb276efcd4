"""The wire: what clients send and get. Fields may be added; what is here keeps its name and meaning."""
