"""The unit that flows through the gateway, is recorded and is replayed: what one poll of one device gave."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Fault = Literal["timeout", "crc", "refused", "unreachable"]
"""Why a poll gave no values: silence, a garbled answer, an exception answer, a line that cannot be opened."""

Notice = Literal["last_gasp", "power_on"]
"""What a device said unasked."""


NO_VALUES: Mapping[str, float | None] = MappingProxyType({})


class Observation(NamedTuple):
    """One poll of one device: values, or a fault, or a notice. A failed poll is data too.

    A tuple, because there is one for every poll: a frozen dataclass costs four times as much to make.
    """

    device: str
    at: float  # epoch seconds when it was asked, by the gateway's clock
    values: Mapping[str, float | None] = NO_VALUES  # by point; None: answered, but holds no value
    fault: Fault | None = None
    notice: Notice | None = None
    bus: str | None = None
    took_ms: float = 0.0
    source: Literal["poll", "verify", "read", "backfill"] = "poll"
