"""Fixtures shared by the tests of this folder."""

from tests.scenarios.tiny import tiny_prepared

__all__ = ["tiny_prepared"]
