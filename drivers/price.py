"""What a poll costs on the wire, before anybody has sent it: the bytes of every exchange. Pure arithmetic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from drivers.api import Driver, LineSettings, Profile

UNKNOWN_VALUE_BYTES = 4
"""An answer is taken to grow by so much a point where the driver does not say more."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    what: str  # in the driver's notation
    asked: int  # bytes, first to last of the frame
    answered: int
    points: tuple[str, ...]

    def seconds(self, line: LineSettings, latency_s: float) -> float:
        """Time on a serial line from the first byte asked to the last byte answered."""
        return line.seconds(self.asked + self.answered) + latency_s


@runtime_checkable
class Priced(Protocol):
    """A driver that knows the exchanges of a poll. Others are priced by their requests."""

    def exchanges(self, profile: Profile, points: Sequence[str]) -> Sequence[Exchange]:
        """Every exchange of a poll of these points, in order. Raises RequestError."""


def exchanges(driver: Driver, profile: Profile, address: str, points: Sequence[str]) -> list[Exchange]:
    """Every exchange of one poll. Raises RequestError when the poll cannot be made."""
    if isinstance(driver, Priced):
        return list(driver.exchanges(profile, points))
    return list(_by_requests(driver, profile, address, points))


def _by_requests(driver: Driver, profile: Profile, address: str, points: Sequence[str]) -> Iterator[Exchange]:
    """Go through the conversation as if nobody answered; an answer is taken to be as long as its request and values."""
    talk = driver.converse(profile, address, points)
    requests = []
    while (request := talk.next_request()) is not None:
        requests.append(request)
        talk.give_up()
    values = -(-len(points) * UNKNOWN_VALUE_BYTES // max(len(requests), 1))
    for number, request in enumerate(requests, start=1):
        yield Exchange(f"request {number}", len(request), len(request) + values, ())
