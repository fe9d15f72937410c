"""Fixtures for everybody: the real servers."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
"""CI draws the same examples every time: a landing must not hang on the luck of the draw; everybody else explores."""
if os.environ.get("CI") == "true":
    settings.load_profile("ci")

pytest_plugins = ["tests.servers", "tests.front"]
