"""A protocol as small as one can be, with the weakness of the real ones: an answer does not say what was asked.

Asked `?AA:where\\n`, a device answers `!AA=value;sum\\n`. Point and `where` have the same name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drivers.api import Conversation, Explanation, LineSettings, Point, Profile, Reading
from drivers.errors import BadReplyError, RefusedError, RequestError
from gateway.settings.models import Device

ANSWER = re.compile(rb"!(\w+)=([^;\n]*);(\d+)\n")
SETTINGS = LineSettings(baud=9600)


def checksum(data: bytes) -> int:
    return sum(data) % 1000


@dataclass(slots=True)
class ToyDevice:
    """Holds values; says `no` to what it does not hold, and nothing to what it is mute about."""

    address: str
    values: Mapping[str, str]
    mute: frozenset[str] = frozenset()
    garbles: bool = False
    heard: list[str] = field(default_factory=list)

    def answer(self, heard: bytes) -> bytes:
        if not heard.startswith(f"?{self.address}:".encode()):
            return b""
        where = heard[1:-1].decode().partition(":")[2]
        self.heard.append(where)
        if where in self.mute:
            return b""
        body = f"!{self.address}={self.values.get(where, 'no')};".encode()
        return body + (b"7" if self.garbles else b"") + f"{checksum(body)}\n".encode()


class ToyConversation:
    learned: frozenset[str] = frozenset()

    def __init__(self, address: str, points: Sequence[str]) -> None:
        self._address, self._left = address, list(points)
        self._heard = b""

    def next_request(self) -> bytes | None:
        self._heard = b""
        return f"?{self._address}:{self._left[0]}\n".encode() if self._left else None

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        self._heard += data
        for match in ANSWER.finditer(self._heard):
            address, value, said = match[1].decode(), match[2].decode(), int(match[3])
            if address != self._address:
                continue
            if said != checksum(f"!{address}={value};".encode()):
                raise BadReplyError(f"wrong sum in {match[0]!r}")
            point = self._left.pop(0)
            if value == "no":
                raise RefusedError(2, "no such point", point)
            return [Reading(point, value)]
        return None

    def give_up(self) -> None:
        self._left.pop(0)


@dataclass(slots=True)
class ToyDriver:
    late_answers_are_harmless: bool = False
    breaks: bool = False  # a stranger's driver with a fault of its own

    def check(self, profile: Profile) -> Sequence[str]:  # noqa: ARG002
        return ()

    def check_address(self, address: str) -> str:  # noqa: ARG002
        return ""

    def converse(
        self, profile: Profile, address: str, points: Sequence[str], refused: frozenset[str] = frozenset()
    ) -> Conversation:
        if self.breaks:
            raise ZeroDivisionError
        if unknown := set(points) - set(profile.points):
            raise RequestError(f"profile {profile.name} has no {', '.join(sorted(unknown))}")
        return ToyConversation(address, [point for point in points if point not in refused])

    def explain(self, data: bytes) -> Sequence[Explanation]:  # noqa: ARG002
        return ()


def toy(
    address: str,
    *points: str,
    period: float = 60.0,
    timeout: float = 1.0,
    wire: LineSettings = SETTINGS,
) -> Device:
    """A device of the configuration that speaks toy."""
    profile = Profile(
        name="toy",
        protocol="toy",
        title="Toy",
        kind="meter",
        points={point: Point(point, point, "text") for point in points or ("a",)},
    )
    return Device(
        id=f"m{address}",
        profile=profile,
        driver="toy",
        line="l1",
        address=address,
        node="n1",
        kind="meter",
        wire=wire,
        period_s=period,
        timeout_s=timeout,
    )
