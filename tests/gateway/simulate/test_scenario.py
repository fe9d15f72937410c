"""Scenario files: what they say, and what is said about wrong ones."""

from pathlib import Path

import pytest

from gateway.settings import SettingsError
from gateway.settings import load as load_site
from gateway.simulate.calls import reached
from gateway.simulate.fault import KINDS
from gateway.simulate.scenario import EXPECTED, load
from gateway.simulate.site import lay_out
from tests.gateway.simulate.areas import small_area

GOOD = """
title = "two faults"

[[fault]]
kind = "fuse_blown"
where = "F1"
phases = "B"
begin_s = 5
end_s = 20

[[fault]]
id = "box"
kind = "breaker_tripped"
where = "B4"
begin_s = 10
"""


def complaints(folder: Path, text: str) -> list[str]:
    path = folder / "scenario.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(path, small_area())
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_faults_hold_from_their_beginning_to_their_end(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text(GOOD)
    scenario = load(tmp_path / "scenario.toml", small_area())
    kinds = {second: [fault.kind for fault in scenario.active(second)] for second in (4, 5, 10, 20)}
    assert kinds == {4: [], 5: ["fuse_blown"], 10: ["fuse_blown", "breaker_tripped"], 20: ["breaker_tripped"]}
    assert scenario.length_s == 20


def test_what_is_expected_follows_from_the_fault_and_its_node(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text(GOOD)
    fuse, box = load(tmp_path / "scenario.toml", small_area()).episodes
    assert (fuse.expect.types, fuse.expect.nodes, fuse.expect.phases) == (("feeder_phase_loss",), ("F1",), "B")
    assert (box.expect.types, box.expect.nodes, box.expect.phases) == (("box_outage",), ("B4",), "")


def test_every_kind_of_fault_has_an_expectation() -> None:
    assert set(EXPECTED) == set(KINDS)


WRONG = {
    "a kind that does not exist": (
        GOOD.replace("breaker_tripped", "explosion"),
        "scenario.toml:13: fault[2].kind: 'explosion' is no fault. There is fuse_blown, ",
    ),
    "a place that does not exist": (
        GOOD.replace('"F1"', '"F9"'),
        "scenario.toml:6: fault[1].where: 'F9' cannot have a fuse_blown. It may be at F1, ",
    ),
    "a fuse without a phase": (
        GOOD.replace('phases = "B"\n', ""),
        'scenario.toml:4: fault[1].phases: is missing. A fuse_blown says which: phases = "B".',
    ),
    "a phase that does not exist": (
        GOOD.replace('phases = "B"', 'phases = "R"'),
        "scenario.toml:7: fault[1].phases: 'R' is not made of A, B and C.",
    ),
    "an end before the beginning": (
        GOOD.replace("end_s = 20", "end_s = 2"),
        "scenario.toml:9: fault[1].end_s: is not after begin_s. Correct one of them.",
    ),
    "a misspelt key": (
        GOOD.replace("begin_s = 10", "begins = 10"),
        "scenario.toml:11: fault[2].begin_s: is missing. Add it.",
    ),
    "a text for a number": (
        GOOD.replace("begin_s = 10", 'begin_s = "10"'),
        "scenario.toml:15: fault[2].begin_s: '10' must be a number.",
    ),
    "an overload of nothing": (
        GOOD.replace("breaker_tripped", "overload"),
        "scenario.toml:11: fault[2].kw: is missing. An overload says how many kW more: kw = 20.",
    ),
    "no TOML at all": (GOOD + "\nfault = =\n", "scenario.toml:17: is no TOML"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_named_with_line_and_remedy(tmp_path: Path, text: str, says: str) -> None:
    assert complaints(tmp_path, text)[0].startswith(says)


def test_all_faults_of_a_file_come_at_once(tmp_path: Path) -> None:
    assert len(complaints(tmp_path, GOOD.replace('"F1"', '"F9"').replace("begin_s = 10", "begins = 10"))) == 3


def test_the_demos_scenario_is_right_and_explains_every_kind(tmp_path: Path) -> None:
    site = load_site(lay_out(tmp_path))
    scenario = load(tmp_path / "scenario.toml", site.area)
    assert len({episode.fault.kind for episode in scenario.episodes}) >= 5
    text = (tmp_path / "scenario.toml").read_text()
    assert [kind for kind in KINDS if kind not in text] == []


def test_the_demos_faults_on_a_feeder_never_overlap(tmp_path: Path) -> None:
    """Two faults that touch the same meters at a time have no single right answer."""
    site = load_site(lay_out(tmp_path))
    episodes = load(tmp_path / "scenario.toml", site.area).episodes
    for first in episodes:
        for second in episodes:
            if first is not second and first.begin_s <= second.begin_s < (first.end_s or 0):
                assert not {d.id for d in reached(site.area, first)} & {d.id for d in reached(site.area, second)}
