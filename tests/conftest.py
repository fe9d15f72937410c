"""Fixtures for everybody: the real servers."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
"""CI draws the same examples every time: a landing must not hang on the luck of the draw; everybody else explores."""
settings.register_profile("explore", deadline=None)
"""No deadlines: how busy a machine is says nothing about the product."""
settings.load_profile("ci" if os.environ.get("CI") == "true" else "explore")

pytest_plugins = ["tests.servers", "tests.front"]
