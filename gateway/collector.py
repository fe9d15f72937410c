"""Python's collector of reference cycles, set for a service that makes hardly any.

Readings live for a moment and end by themselves, but while a thousand of them are on their way Python would search all
that the service holds, again and again: one part in fifteen of its time.
"""

import gc

AFTER = (10_000, 10, 10)
"""New objects before the youngest are searched (Python: 700), and how often that before the older ones are."""


def collect_seldom() -> None:
    """What has been made until now lives as long as the service and is not searched again. Call it at the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*AFTER)
