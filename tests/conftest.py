"""Tests run in the environment that the command gives itself, set before anything loads linear algebra."""

from scenarios.cli import _prepare_environment

_prepare_environment()
