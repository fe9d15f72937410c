"""The demo's verdict: found, misplaced, missed, invented."""

import pytest

from gateway.simulate.fault import Fault
from gateway.simulate.judge import GRACE_S, Said, judge
from gateway.simulate.scenario import Episode, Expectation, Scenario

BOX = Episode("box", Fault("breaker_tripped", "B4"), 10, 30, "box trips", Expectation(("box_outage",), ("B4",)))
FUSE = Episode(
    "fuse", Fault("fuse_blown", "F1", "B"), 10, 30, "fuse", Expectation(("feeder_phase_loss",), ("F1",), "B")
)


def said(type_: str, node: str, second: float = 15.0, **more: object) -> Said:
    row = {"id": f"{type_}@{node}", "type": type_, "state": "confirmed", "severity": "major", "node": node, **more}
    return Said.from_json(second, row)


FOUND = said("box_outage", "B4")
CASES: dict[str, tuple[list[Said], float, str, int]] = {
    "named at its place": ([FOUND], 100, "found", 0),
    "an equivalent place counts": ([said("box_outage", "L2", equivalents=["B4"])], 100, "found", 0),
    "a suspicion is not a word": ([said("box_outage", "B4", state="suspected")], 100, "missed", 0),
    "another place": ([said("box_outage", "B5")], 100, "misplaced", 1),
    "another kind at the right place": ([said("neutral_break", "B4")], 100, "missed", 1),
    "nothing said yet": ([], 20, "waiting", 0),
    "nothing said": ([], 30 + GRACE_S + 1, "missed", 0),
    "said before it happened": ([said("box_outage", "B4", second=5)], 100, "missed", 1),
    "a second incident of its own": ([FOUND, said("meter_outage", "B7A")], 100, "found", 1),
    "an effect that is explained": ([FOUND, said("low_voltage", "B4A", explained_by="x")], 100, "found", 0),
    "an effect that is explained later": (
        [FOUND, said("comm_meter", "B4A"), said("comm_meter", "B4A", state="explained")],
        100,
        "found",
        0,
    ),
    "an outage that was none, taken back later": (
        [FOUND, said("box_outage", "B7"), said("box_outage", "B7", state="explained")],
        100,
        "found",
        1,
    ),
    "information is no alarm": ([FOUND, said("dip", "B7A", severity="info")], 100, "found", 0),
    "moved to its place": ([said("box_outage", "B5", id="x"), said("box_outage", "B4", id="x")], 100, "found", 0),
}


@pytest.mark.parametrize(("words", "second", "verdict", "invented"), CASES.values(), ids=CASES.keys())
def test_verdict(words: list[Said], second: float, verdict: str, invented: int) -> None:
    result = judge(Scenario("", 60, (BOX,)), words, second)
    assert (result.findings[0].judgement, len(result.invented)) == (verdict, invented)
    assert result.good == (verdict == "found" and not invented)


@pytest.mark.parametrize(("phases", "verdict"), [("B", "found"), ("A", "misplaced"), ("ABC", "misplaced")])
def test_a_phase_loss_has_to_name_the_phase(phases: str, verdict: str) -> None:
    words = [said("feeder_phase_loss", "F1", phases=phases)]
    assert judge(Scenario("", 60, (FUSE,)), words, 100).findings[0].judgement == verdict


def test_seconds_count_from_the_fault_to_the_word() -> None:
    assert judge(Scenario("", 60, (BOX,)), [FOUND], 100).findings[0].seconds == 5


def test_the_time_is_of_the_first_right_word_and_the_place_of_the_best() -> None:
    fault = Episode("low", Fault("overload", "L2", kw=20), 10, 30, "", Expectation(("low_voltage",), ("L2", "B4")))
    words = [said("low_voltage", "B4", second=14, id="x"), said("low_voltage", "L2", second=17, id="x")]
    finding = judge(Scenario("", 60, (fault,)), words, 100).findings[0]
    assert (finding.seconds, finding.said and finding.said.node) == (4, "L2")
