"""The closed catalogue of points: the names that profiles may give and rules may ask for, with their units."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Entry:
    """One point of the catalogue."""

    name: str
    unit: str
    title: str
    role: Literal["gauge", "counter", "flag", "text"]
    ratio: Literal["", "ct", "pt", "ctpt"] = ""  # which transformer ratio turns a secondary value into a primary one
    low: float | None = None  # outside low..high a value is implausible and no evidence
    high: float | None = None


@cache
def catalog() -> dict[str, Entry]:
    """All points by name."""
    table = tomllib.loads(files("gateway").joinpath("catalog.toml").read_text(encoding="utf-8"))
    return {name: Entry(name, **row) for name, row in _expanded(table).items()}


def _expanded(table: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows with `each = "a b c"` stand for one point per suffix; the plain name exists too unless `total = false`."""
    rows: dict[str, dict[str, Any]] = {}
    for name, row in table.items():
        suffixes = str(row.pop("each", "")).split()
        if row.pop("total", True):
            rows[name] = row
        for suffix in suffixes:
            rows[f"{name}_{suffix}"] = {**row, "title": f"{row['title']}, {suffix}"}
    return rows
