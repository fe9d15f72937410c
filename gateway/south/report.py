"""What a line and its devices have done so far: plain figures for metrics, `taiqu` and the watchdog."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Counters of one device or, summed, of one line. They only grow."""

    polls: int = 0  # conversations that were begun
    good: int = 0  # that gave readings
    timeouts: int = 0  # requests without an answer
    crc: int = 0  # requests with an answer that could not be used
    refused: int = 0  # requests the device said 'no' to
    unreachable: int = 0  # polls for which the line could not be opened
    retries: int = 0
    missed: int = 0  # periods that passed without a poll because the line was busy
    answers: int = 0
    round_trips_s: float = 0.0  # from the first byte asked to the last byte answered, over all answers
    slowest_s: float = 0.0


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
    devices: tuple[DeviceReport, ...] = field(default=())
