"""What simulated DL/T 645 meters do differently from each other."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Habits:
    """Ways of meters, within the standard or a little beside it."""

    edition: str = ""  # answers no other; '' is what the profile says, the newer one where both are possible
    needs_preamble: bool = False  # hears nothing without FE in front
    absent: Literal["FF", "00"] = "FF"  # what it gives for what it has none of, such as phases that are not connected
    lock_after: int = 0  # wrong passwords on a day after which nothing more can be changed; 0: never
    counts: bool = False  # its energies grow by its powers and its own clock


USUAL = Habits()
