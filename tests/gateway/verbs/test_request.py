"""Arguments of a request as people write them: times, spans, texts."""

import pytest

from gateway.verbs import RefusedRequestError, Request
from gateway.verbs.request import moment, text
from tests.virtual import NOON

WHEN: dict[str, tuple[object, float]] = {
    "epoch seconds": (NOON + 5, NOON + 5),
    "epoch seconds as a text": ("1780315200", 1780315200.0),
    "ISO 8601 with a zone": ("2026-06-01T21:00:00+08:00", NOON + 3600),
    "ISO 8601 in UTC": ("2026-06-01T12:30:00Z", NOON + 1800),
    "minutes from now": ("+90m", NOON + 5400),
    "days from now": ("+2d", NOON + 172_800),
    "a span that is over": ("-30s", NOON - 30),
}


@pytest.mark.parametrize(("said", "at"), WHEN.values(), ids=WHEN.keys())
def test_a_time_may_be_said_as_people_say_it(said: object, at: float) -> None:
    assert moment(Request("1", {"until": said}), "until", NOON) == at


@pytest.mark.parametrize("said", ["soon", "2026-06-01T12:00:00", "+1y", "+m", "+5", "nan", True, None, ["+1h"]])
def test_what_is_no_time_or_has_no_zone_is_refused(said: object) -> None:
    with pytest.raises(RefusedRequestError, match="'until' is missing or no time: epoch seconds, 2026-06-01T14:00:00"):
        moment(Request("1", {"until": said}), "until", NOON)


@pytest.mark.parametrize(
    "said", [1e308, 1_780_315_200_000, -1.0, "1e300", "+999999d", "-999999d", "0001-01-01T00:00:00Z"]
)
def test_a_time_that_no_calendar_shows_is_refused(said: object) -> None:
    says = "'until' is missing or no time" if said == -1.0 else "'until' must be a time from 1970 to 2199"
    with pytest.raises(RefusedRequestError, match=says):
        moment(Request("1", {"until": said}), "until", NOON)


def test_a_text_that_no_topic_can_carry_is_refused() -> None:
    for said in ("a\0b", "\x1b[2J", "\x85"):
        with pytest.raises(RefusedRequestError, match="'outage' holds signs that cannot be printed"):
            text(Request("1", {"outage": said}), "outage")
    assert text(Request("1", {"complaint": "两盏灯\nno light"}), "complaint") == "两盏灯\nno light"
