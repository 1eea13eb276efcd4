"""The main job once from nothing, on a simulated recording."""
