"""Fixtures for everybody: the real servers."""

pytest_plugins = ["tests.servers"]
