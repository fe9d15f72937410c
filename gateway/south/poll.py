"""What came of one poll: the bus hands it to the pipeline."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from drivers.api import Reading
from rules.observation import Fault


class Lane(IntEnum):
    """Who goes first on a line. Inside a lane: the earliest deadline first."""

    CONTROL = 0
    VERIFY = 1
    DEMAND = 2
    PERIODIC = 3
    BACKFILL = 4
    SEARCH = 5  # for meters that nobody knows yet


class Poll(NamedTuple):
    """One conversation with one device, over. A tuple, as its readings are: made for every poll there ever is."""

    device: str
    line: str
    at: float  # epoch seconds when the first byte was sent
    took_s: float
    lane: Lane
    readings: Sequence[Reading] = ()
    fault: Fault | None = None
    says: str = ""  # the fault in words, with the frame where there was one
