"""Finds drivers by entry point, so that a stranger's driver needs no line of ours."""

from functools import cache
from importlib.metadata import entry_points

from drivers.api import Driver

GROUP = "taiqu.drivers"


def protocols() -> list[str]:
    """Names of the installed protocols."""
    return sorted({point.name for point in entry_points(group=GROUP)})


@cache
def driver(protocol: str) -> Driver:
    """The driver of a protocol. Raises LookupError with what is installed."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if protocol not in found:
        raise LookupError(f"no driver for {protocol!r}; installed: {', '.join(sorted(found)) or 'none'}")
    made: Driver = found[protocol].load()()
    return made
