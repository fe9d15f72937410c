"""What the notation's description says is what the driver takes."""

import re
from pathlib import Path

from drivers.modbus.field import FORMATS, POINT_OPTIONS
from drivers.modbus.layout import PROFILE_OPTIONS

TEXT = (Path(__file__).parents[3] / "drivers" / "profiles" / "README.md").read_text(encoding="utf-8")
MODBUS = TEXT.partition("## Modbus")[2].partition("## DL/T 645")[0]


def keys(table: str) -> set[str]:
    """The names in the first column."""
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_key_is_described_and_no_other() -> None:
    top, _, point = MODBUS.partition("In a point:")
    assert keys(top) == set(PROFILE_OPTIONS)
    assert keys(point) == set(POINT_OPTIONS)


def test_every_format_is_described() -> None:
    described = set(re.findall(r"[a-z]+\d+", MODBUS.partition("`format` is")[2].partition("A float that")[0]))
    assert described == set(FORMATS)
