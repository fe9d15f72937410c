"""Explains bytes from a line in words, by asking every installed driver what it sees in them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from drivers import registry
from drivers.api import Explanation
from gateway.south.trace import TracedFrame


class Found(NamedTuple):
    """One frame and where its first byte is."""

    at: int
    frame: Explanation

    @property
    def end(self) -> int:
        return self.at + len(self.frame.raw)

    @property
    def broken(self) -> bool:
        return "broken" in self.frame.fields


def explained(data: bytes) -> list[Found]:
    """The frames of every protocol in their order; where two claim the same bytes, a good and a longer one wins."""
    claims = [claim for name in registry.protocols() for claim in _placed(data, registry.driver(name).explain(data))]
    settled: list[Found] = []
    taken = bytearray(len(data))  # 1 where a byte belongs to a frame already
    for claim in sorted(claims, key=lambda claim: (claim.broken, -len(claim.frame.raw))):
        if not any(taken[claim.at : claim.end]):
            taken[claim.at : claim.end] = b"\1" * len(claim.frame.raw)
            settled.append(claim)
    return sorted(settled, key=lambda claim: claim.at)


def _placed(data: bytes, frames: Iterable[Explanation]) -> Iterable[Found]:
    start = 0
    for one in frames:
        at = data.find(one.raw, start)
        yield Found(at, one)
        start = at + 1


def in_words(data: bytes) -> list[str]:
    """A sentence for each good frame."""
    return [one.frame.summary for one in explained(data) if not one.broken]


def traced(frame: TracedFrame) -> Mapping[str, object]:
    """What passed on a line, for programs."""
    return {
        "at": round(frame.at, 6),
        "direction": frame.direction,
        "device": frame.device,
        "data": frame.data.hex(" "),
        "says": in_words(frame.data),
    }
