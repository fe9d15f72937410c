"""rules.toml holds every threshold, and what does not fit is named."""

import tomllib
from pathlib import Path

import pytest

from rules.thresholds import BY_CLASS, as_toml, complete, defaults, faults, of_class

PUBLISHED = Path(__file__).parents[2] / "config" / "rules.toml"

WRONG: dict[str, tuple[dict[str, object], tuple[str, str, str]]] = {
    "a rule that does not exist": ({"volts": {}}, ("volts", "", "there is no rule 'volts'")),
    "a key that does not exist": ({"voltage": {"lo": 1}}, ("voltage", "lo", "is no threshold of this rule")),
    "a text": ({"voltage": {"hold_s": "1 h"}}, ("voltage", "hold_s", "must be a number in s")),
    "true": ({"voltage": {"hold_s": True}}, ("voltage", "hold_s", "must be a number in s")),
    "a share beyond its range": ({"voltage": {"low_share": 198}}, ("voltage", "low_share", "198 of Un is not within")),
    "a class that has no thresholds of its own": (
        {"voltage_neighbour": {}},
        ("voltage_neighbour", "", "there is no rule"),
    ),
    "a class's key that does not exist": (
        {"voltage_ltu": {"lo": 1}},
        ("voltage_ltu", "lo", "is no threshold of this rule"),
    ),
    "a class's key that holds for all devices together": (
        {"outage_meter": {"confirm_s": 60}},
        ("outage_meter", "confirm_s", "holds for all devices together: set it in [outage]"),
    ),
    "a value instead of a table": ({"voltage": 3}, ("voltage", "", "must be a table")),
}


@pytest.mark.parametrize(("table", "fault"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_is_named(table: dict[str, object], fault: tuple[str, str, str]) -> None:
    ((rule, key, says),) = faults(table)
    assert (rule, key) == fault[:2]
    assert says.startswith(fault[2])


def test_the_published_file_is_fresh() -> None:
    written = PUBLISHED.read_text(encoding="utf-8")
    assert written == as_toml(), "write rules.thresholds.as_toml() to config/rules.toml"


def test_the_published_file_holds_the_defaults() -> None:
    table = tomllib.loads(as_toml())
    assert faults(table) == []
    assert complete(table) == complete({})


def test_a_class_has_what_its_table_says_and_else_what_holds_for_all() -> None:
    full = complete({"voltage": {"low_share": 0.91}, "voltage_ttu": {"high_share": 1.05}})
    own = [of_class(full, "voltage", kind) for kind in ("ttu", "meter", "neighbour_ttu")]
    assert [(one["low_share"], one["high_share"]) for one in own] == [(0.91, 1.05), (0.91, 1.07), (0.91, 1.07)]


def test_what_may_differ_by_class_is_marked() -> None:
    table, marked = "", set()
    for line in PUBLISHED.read_text(encoding="utf-8").splitlines():
        table = line.strip("[]") if line.startswith("[") else table
        marked |= {(table, line.split()[0])} if line.endswith(" *") else set()
    assert marked == {(rule, name) for rule, names in BY_CLASS.items() for name in names}


def test_every_threshold_has_a_unit_and_a_meaning() -> None:
    bare = [name for names in defaults().values() for name, one in names.items() if not (one.unit and one.meaning)]
    assert bare == []


def test_every_threshold_is_used() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (PUBLISHED.parents[1] / "rules").glob("*.py"))
    unused = [
        f"{rule}.{name}"
        for rule, names in defaults().items()
        for name in names
        if code.count(f'"{name}"') < 2 and not name.startswith("prior_")
    ]
    assert unused == []
