"""Moments are written as calendars show them, and what none can show ends nothing."""

import pytest

from gateway.clock import iso, on_calendar

MOMENTS: dict[str, tuple[float, str, bool]] = {
    "a day in June": (1_780_315_200.25, "2026-06-01T12:00:00.250Z", True),
    "the first moment": (0.0, "1970-01-01T00:00:00.000Z", True),
    "before that": (-1.0, "1969-12-31T23:59:59.000Z", False),
    "the last second that counts": (7_258_118_399.0, "2199-12-31T23:59:59.000Z", True),
    "milliseconds taken for seconds": (1_780_315_200_000.0, "1.78032e+12", False),
    "a number without end": (float("inf"), "inf", False),
    "no number": (float("nan"), "nan", False),
}


@pytest.mark.parametrize(("at", "written", "meant"), MOMENTS.values(), ids=MOMENTS.keys())
def test_a_moment_is_written(at: float, written: str, meant: bool) -> None:
    assert (iso(at), on_calendar(at)) == (written, meant)
