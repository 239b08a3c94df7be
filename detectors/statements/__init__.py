"""Statements about the plant and about many windows at once: what can be hidden, and what it can do."""
