"""Finds the meters on a line by shrinking wildcards: a collision is taken apart digit pair by digit pair."""

from dataclasses import dataclass, field

from drivers.dlt645.frame import ANYONE, READ, READ_1997, READ_ADDRESS, Frame
from drivers.dlt645.poll import wire
from drivers.dlt645.services.dialogue import NOISE, Question, Script
from drivers.errors import RefusedError

ASKED = {"2007": (READ, wire("00010000")), "1997": (READ_1997, wire("9010"))}
"""Every meter has this item, so every meter that is meant answers."""

PAIRS = [f"{number:02d}" for number in range(100)]


@dataclass(slots=True)
class Progress:
    """What a search has come to so far."""

    found: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)  # addresses at which several answer at once
    asked: int = 0
    pattern: str = ANYONE  # what was asked for last


def search(progress: Progress, edition: str = "2007", thorough: bool = False) -> Script[list[str]]:
    """All meters of an edition that can be told apart, each confirmed by its own address.

    Silence to a pattern means nobody there, or one meter that knows no wildcards: it is asked for its address. A clean
    answer gives one meter; noise is several at once, and their next two digits are tried, a hundred questions. A meter
    so strong on the line that others are not heard beside it hides them; `thorough` looks for those too, which takes up
    to six hundred questions a meter.
    """
    branches = [""]  # low digits that are fixed, the next to try last
    while branches:
        low = branches.pop()
        progress.asked += 1
        progress.pattern = low.rjust(12, "A")
        answer = yield from _who(progress.pattern, edition)
        if answer is None and not low and edition == "2007":
            progress.asked += 1
            answer = yield from _alone()
        if answer is NOISE and len(low) == 12:
            progress.doubled.append(low)
        elif answer is NOISE or (answer and thorough and len(low) < 12):
            branches += [pair + low for pair in reversed(PAIRS)]
        if answer and answer.address.isdecimal() and answer.address not in progress.found:
            progress.asked += 1
            if (yield from _who(answer.address, edition)):
                progress.found.append(answer.address)
    return progress.found


def _who(pattern: str, edition: str) -> Script[Frame | None]:
    """The answer to a pattern, NOISE or None. A refusal is an answer too, when it says whose it is."""
    function, asked = ASKED[edition]
    try:
        return (yield Question(Frame(pattern, function, asked), begins=asked, repeatable=False, tells_noise=True))
    except RefusedError:
        return Frame(pattern, function) if "A" not in pattern else NOISE


def _alone() -> Script[Frame | None]:
    """A meter that is alone on the line, by the function that asks for an address; edition 2007 only."""
    frame = yield Question(Frame(ANYONE, READ_ADDRESS), repeatable=False)
    return Frame(frame.data[::-1].hex().upper(), READ) if frame and len(frame.data) == 6 else None
