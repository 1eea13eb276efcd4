"""Answers: from the engine's types to the wire's."""
