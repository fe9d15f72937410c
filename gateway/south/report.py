"""What a line and its devices have done so far: plain figures for metrics, `taiqu` and the watchdog."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Counts:
    """Counters of one device or, summed, of one line. They only grow."""

    polls: int = 0  # conversations that were begun
    good: int = 0  # that gave readings
    timeouts: int = 0  # requests without an answer
    crc: int = 0  # requests with an answer that could not be used
    refused: int = 0  # requests the device said 'no' to
    unreachable: int = 0  # polls for which the line could not be opened, or a gateway in front had no way
    retries: int = 0
    missed: int = 0  # periods that passed without a poll because the line was busy
    late: int = 0  # answers that came after their time, thrown away
    answers: int = 0
    round_trips_s: float = 0.0  # from the first byte asked to the last byte answered, over all answers
    slowest_s: float = 0.0
    busy_s: float = 0.0  # for so long the line was in use for it

    def answered(self, took_s: float) -> None:
        """A request had its answer."""
        self.answers += 1
        self.round_trips_s += took_s
        if took_s > self.slowest_s:
            self.slowest_s = took_s

    @property
    def round_trip_ms(self) -> float:
        """Mean over all answers; 0 before the first."""
        return 1000 * self.round_trips_s / max(self.answers, 1)

    @property
    def success(self) -> float | None:
        """Share of polls that gave readings, 0 to 1; None before the first."""
        return self.good / self.polls if self.polls else None


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """One device as its line sees it."""

    device: str
    counts: Counts
    round_trip_ms: float  # mean over all answers; 0 before the first
    down: bool  # silent for so long that it is only probed
    last_answer_s: float | None  # seconds since it last answered; None: never
    refused: tuple[str, ...]  # what it said 'no' to and is not asked for, in the driver's notation
    mute: tuple[str, ...]  # points it stays silent about while it answers others
    utilisation: float = 0.0  # share of its line's time, 0 to 1
    success: float | None = None  # share of its polls that gave readings, 0 to 1; None before the first
    says: str = ""  # what was wrong with its last conversation, with the frame where there was one


@dataclass(frozen=True, slots=True)
class LineReport:
    """One line."""

    line: str
    open: bool
    says: str  # why it is not open; '' when it is
    elapsed_s: float  # since the bus runs
    busy_s: float  # of which somebody was being spoken to
    utilisation: float  # share of the time that the line was in use, 0 to 1
    waiting: int  # jobs that are due and have to wait
    late_bytes: int  # came after a timeout and were thrown away
    stray_bytes: int  # came when nobody had asked
    reopened: int
    devices: tuple[DeviceReport, ...] = ()
    success: float | None = None  # of all devices' polls, as a device's
    round_trip_ms: float = 0.0  # mean over all answers
    retries: int = 0
    late_answers: int = 0
    last_answer_s: float | None = None  # seconds since anybody answered; None: never

    @classmethod
    def of(cls, devices: Sequence[DeviceReport], **own: Any) -> "LineReport":
        """A line's report with what sums up its devices'."""
        counts = [device.counts for device in devices]
        every = Counts(
            polls=sum(count.polls for count in counts),
            good=sum(count.good for count in counts),
            answers=sum(count.answers for count in counts),
            round_trips_s=sum(count.round_trips_s for count in counts),
        )
        return cls(
            **own,
            devices=tuple(devices),
            success=every.success,
            round_trip_ms=every.round_trip_ms,
            retries=sum(count.retries for count in counts),
            late_answers=sum(count.late for count in counts),
            last_answer_s=min((one.last_answer_s for one in devices if one.last_answer_s is not None), default=None),
        )
