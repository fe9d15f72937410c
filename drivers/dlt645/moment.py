"""Times of DL/T 645: BCD pairs in any order of parts, in and out as ISO 8601 without a zone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from drivers.api import Value
from drivers.errors import RequestError

PARTS = re.compile(r"(?:YY|MM|DD|WW|hh|mm|ss)+")
LIMITS = {"YY": (0, 99), "MM": (1, 12), "DD": (1, 31), "WW": (0, 7), "hh": (0, 23), "mm": (0, 59), "ss": (0, 59)}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time made of two-digit parts, highest first; years are 2000 to 2099.

    The weekday is dropped when it is read, and worked out from the date when it is written.
    """

    parts: tuple[str, ...]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.parts))

    @classmethod
    def of(cls, notation: str) -> "Moment | None":
        """The time that `YYMMDDhhmm` and the like write, or None when the notation is no time."""
        parts = tuple(re.findall("..", notation))
        if not PARTS.fullmatch(notation) or len(set(parts)) != len(parts):
            return None
        return cls(parts)

    def read(self, data: bytes) -> str | None:
        """None for FF, for digits that are none, for no date (all zeros) and for a day that does not exist."""
        digits = data[::-1].hex()
        if not digits.isdecimal():
            return None
        given = {part: int(digits[2 * at : 2 * at + 2]) for at, part in enumerate(self.parts)}
        if not _exists(given):
            return None
        day = "-".join(f"{given[part]:02d}" for part in ("YY", "MM", "DD") if part in given)
        time = ":".join(f"{given[part]:02d}" for part in ("hh", "mm", "ss") if part in given)
        if "YY" in given:
            day = f"20{day}"
        return f"{day}T{time}" if day and time else day or time

    def write(self, value: Value) -> bytes:
        """Takes what `read` gives; None becomes zeros, which meters give for 'never'. Raises RequestError."""
        if value is None:
            return bytes(self.size)
        numbers = re.findall(r"\d+", str(value))
        wanted = [part for part in self.parts if part != "WW"]
        order = [part for part in ("YY", "MM", "DD", "hh", "mm", "ss") if part in wanted]
        if len(numbers) != len(order):
            raise RequestError(f"{value!r} is no time with the parts {' '.join(order)}")
        given: dict[str, int] = {part: int(number) % 100 for part, number in zip(order, numbers, strict=True)}
        if not _exists(given):
            raise RequestError(f"{value!r} is a time that does not exist")
        if "WW" in self.parts:
            given["WW"] = date(2000 + given["YY"], given["MM"], given["DD"]).isoweekday() % 7 if "YY" in given else 0
        return bytes.fromhex("".join(f"{given[part]:02d}" for part in self.parts))[::-1]


def _exists(given: Mapping[str, int]) -> bool:
    if not all(LIMITS[part][0] <= number <= LIMITS[part][1] for part, number in given.items()):
        return False
    if "MM" in given and "DD" in given:
        try:
            date(2000 + given.get("YY", 0), given["MM"], given["DD"])  # 2000 had a 29 February
        except ValueError:
            return False
    return True
