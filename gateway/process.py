"""What the gateway's process itself uses of the machine."""

import resource
from collections.abc import Mapping
from pathlib import Path

PAGES = Path("/proc/self/statm")
"""Its memory in pages; the second number is what is resident."""


def usage(since: float, now: float) -> Mapping[str, float]:
    """Seconds since it began, processor time, and memory; `since` and `now` are monotonic."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(PAGES.read_text(encoding="ascii").split()[1])
    return {
        "uptime_s": round(now - since, 1),
        "cpu_s": round(spent.ru_utime + spent.ru_stime, 3),
        "rss_bytes": pages * resource.getpagesize(),
    }
