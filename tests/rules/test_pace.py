"""When the rules step: a beat after evidence, later after an answer more or less on a line known to be noisy."""

from collections.abc import Callable

import pytest

from rules.area import Device
from rules.hearing import EVIDENCE, FAINT
from rules.observation import Observation
from rules.pace import Pace
from rules.thresholds import complete
from rules.wire import Wire
from rules.witness import Witness
from tests.rules.areas import village

STEPPED = 1_760_000_000.0

CALLS: dict[str, tuple[tuple[Callable[[Pace], None], ...], float]] = {
    "evidence": ((Pace.rouse,), 5.0),
    "an answer on a line that just gets noisy": ((lambda pace: pace.stir(known=False),), 5.0),
    "an answer on a line that is known to be noisy": ((lambda pace: pace.stir(known=True),), 15.0),
    "such an answer, then evidence": ((lambda pace: pace.stir(known=True), Pace.rouse), 5.0),
    "evidence, then such an answer": ((Pace.rouse, lambda pace: pace.stir(known=True)), 5.0),
}


@pytest.mark.parametrize(("calls", "after_s"), CALLS.values(), ids=CALLS.keys())
def test_the_next_step_is_due_after(calls: tuple[Callable[[Pace], None], ...], after_s: float) -> None:
    pace = Pace(village(poll_s=60), STEPPED + 600)
    pace.stepped = STEPPED
    for call in calls:
        call(pace)
    assert pace.wake == STEPPED + after_s


SEEN: dict[str, tuple[Observation, bool, int]] = {  # what comes, whether its line is noisy, and what it changes
    "a lost answer on a good line": (Observation("M1", STEPPED + 60, fault="timeout"), False, EVIDENCE),
    "a lost answer on a noisy line": (Observation("M1", STEPPED + 60, fault="timeout"), True, FAINT),
    "a garbled one on a good line": (Observation("M1", STEPPED + 60, fault="crc"), False, 0),
    "a garbled one on a noisy line": (Observation("M1", STEPPED + 60, fault="crc"), True, FAINT),
    "a last gasp on a noisy line": (Observation("M1", STEPPED + 60, notice="last_gasp"), True, EVIDENCE),
    "no voltage, read over a noisy line": (Observation("M1", STEPPED + 60, {"voltage": 3.0}), True, EVIDENCE),
}


@pytest.mark.parametrize(("seen", "noisy", "changed"), SEEN.values(), ids=SEEN.keys())
def test_on_a_noisy_line_says_little_by_itself_what_hangs_on_one_answer(
    seen: Observation, noisy: bool, changed: int
) -> None:
    wire = Wire(30)
    for number in range(60):
        wire.count(lost=number % 2 if noisy else 0)
    witness = Witness(Device("M1", "meter", "B1", "A", bus="RS1"), wire, complete({}), 230.0)
    witness.take(Observation("M1", STEPPED, {"voltage": 230.0}))
    assert witness.take(seen) & (EVIDENCE | FAINT) == changed
