"""The cases that those who set limits can read, dispute and extend."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.rule_cases import Case, CaseError, agrees, read_cases, run_case
from gateway.settings.case_file import seconds, series

FOLDER = Path(__file__).parent / "cases"
CASES = [case for path in sorted(FOLDER.glob("*.toml")) for case in read_cases(path)]


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_case(case: Case) -> None:
    said = run_case(case)
    assert agrees(case.events, said, case.interval_s), said


def test_series_and_times_are_short_to_write() -> None:
    assert series("220x2 _ -x2 1.5") == [220.0, 220.0, "_", "-", "-", 1.5]
    assert [seconds("90s"), seconds("4m"), seconds("1h30m")] == [90.0, 240.0, 5400.0]


GOOD = "[[case]]\ntitle = 't'\nvalues = '220x3'\n"
WRONG = {
    "no TOML": ("[[case", "Expected"),
    "no case": ("interval = '1m'", "case: is missing"),
    "an empty list of cases": ("case = []", ":1: case: holds no [[case]]"),
    "a case without a title": ("[[case]]\nvalues = '220'", ":1: case[1].title: is missing"),
    "a key that does not exist": ("[[case]]\ntitle = 't'\nvalue = '220'", ":3: case[1].value: is not known here"),
    "a case that reads nothing": ("[[case]]\ntitle = 't'", "a case has one of them"),
    "a device that does not exist": (
        "[[case]]\ntitle = 't'\nseries = { X = '220' }",
        ":3: case[1].series.X: the area has no device 'X'; there is 'M1'",
    ),
    "a value that is none": ("[[case]]\ntitle = 't'\nvalues = '220x3 nan'", ":3: case[1].values: 'nan' is no value"),
    "a series without end": ("[[case]]\ntitle = 't'\nvalues = '220x99999999'", "1 to 100000"),
    "a threshold that does not exist": (
        f"[thresholds.voltage]\nlo = 1\n{GOOD}",
        ":2: thresholds.voltage.lo: is no thr",
    ),
    "thresholds that are no table": (f"thresholds = 'low'\n{GOOD}", ":1: thresholds: 'low' must be a table"),
    "an event without a time": (f"{GOOD}events = ['soon confirmed']", ":4: case[1].events[1]: 'soon' is no time"),
    "a state that does not exist": (f"{GOOD}events = ['1m raised']", "Write such as '4m confirmed low_voltage B1'"),
    "a point that does not exist": (
        "[[case]]\ntitle = 't'\nseries = { 'M1.volts' = '220' }",
        ":3: case[1].series.M1.volts: 'volts' is no point of the catalogue; did you mean 'voltage'?",
    ),
    "a kind of incident that does not exist": (
        f"{GOOD}events = ['1m confirmed low_voltag B1']",
        ":4: case[1].events[1]: no incident is of the kind 'low_voltag'; did you mean 'low_voltage'?",
    ),
    "an interval of nothing": (f"interval = '0s'\n{GOOD}", ":1: interval: is no time at all"),
    "a node of no kind": (f"[area]\nnodes = ['T1 trafo']\n{GOOD}", ":2: area.nodes[1]: 'trafo' is no kind of it"),
    "a device with too few words": (f"[area]\ndevices = ['M1']\n{GOOD}", ":2: area.devices[1]: 'M1': write DEVICE"),
    "a device on a node that is not there": (f"[area]\ndevices = ['M1 meter B9']\n{GOOD}", "which does not exist"),
    "a number beyond all bounds": (f"interval = 1{'0' * 30}\n{GOOD}", ":1: interval: is larger than any number"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_says_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(text)
    with pytest.raises(CaseError) as raised:
        read_cases(path)
    assert says in str(raised.value)
    assert CliRunner().invoke(app, ["test", str(path)]).exit_code == 2


def test_the_verb_shows_what_was_said_instead(tmp_path: Path) -> None:
    path = tmp_path / "cases.toml"
    path.write_text("[[case]]\ntitle = 'silence is golden'\nvalues = '220x3'\nevents = ['1m confirmed low_voltage B1']")
    result = CliRunner().invoke(app, ["test", str(path)])
    assert result.exit_code == 1
    assert "silence is golden" in result.stdout
    assert "said:   nothing" in result.stdout
    assert CliRunner().invoke(app, ["test", *map(str, sorted(FOLDER.glob("*.toml")))]).exit_code == 0


LOW = "[[case]]\ntitle = 'low for an hour'\nvalues = '220 190x65'\nevents = ['61m confirmed low_voltage B1']"
UNDER: dict[str, tuple[str, int]] = {
    "the defaults": ("", 0),
    "a longer hold of the site": ("[voltage]\nhold_s = 4200", 1),
    "a hold of meters alone": ("[voltage_meter]\nhold_s = 4200", 1),
    "a threshold that does not exist": ("[voltage]\nhold = 1", 2),
}


@pytest.mark.parametrize(("rules", "status"), UNDER.values(), ids=UNDER.keys())
def test_cases_are_held_to_the_thresholds_of_a_site(tmp_path: Path, rules: str, status: int) -> None:
    (tmp_path / "cases.toml").write_text(LOW)
    (tmp_path / "rules.toml").write_text(rules)
    words = ["test", str(tmp_path / "cases.toml"), "--rules", str(tmp_path / "rules.toml")]
    assert CliRunner().invoke(app, words).exit_code == status


def test_what_a_case_sets_itself_holds_against_the_site(tmp_path: Path) -> None:
    (tmp_path / "cases.toml").write_text(f"[thresholds.voltage]\nhold_s = 3600\n{LOW}")
    (case,) = read_cases(tmp_path / "cases.toml", {"voltage": {"hold_s": 4200, "prealarm_s": 60}})
    assert case.limits == {"voltage": {"hold_s": 3600, "prealarm_s": 60}}
