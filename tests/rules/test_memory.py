"""An update may change what the rules remember: what does not fit is forgotten, everything else goes on."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from gateway.simulate.fault import Fault
from rules.engine import Engine
from rules.memory import kind_of, revived
from tests.rules.areas import readings, run, village

AREA = village()
SPOILED: dict[str, Callable[[Any], Any]] = {
    "another kind of thing": lambda _: "spoiled",
    "a list that is shorter": lambda item: item[:-1] if isinstance(item, list) else item,
    "a list that is longer": lambda item: [*item, "more"] if isinstance(item, list) else item,
    "nothing in it": lambda item: type(item)(),
    "something unknown in it": lambda item: {**item, "strange": 1} if isinstance(item, dict) else item,
}


@pytest.fixture(scope="module")
def saved() -> dict[str, Any]:
    """What an engine remembers in the middle of an outage, as the store gives it back."""
    engine = Engine(AREA)
    items: dict[str, Any] = {}
    for seen in readings(AREA, (Fault("breaker_tripped", "B2"), 300, 1e9), minutes=20):
        engine.take(seen)
        items |= engine.changes()
    return {name: json.loads(json.dumps(item)) for name, item in items.items() if item is not None}


def test_what_fits_is_taken_up_whole(saved: dict[str, Any]) -> None:
    engine, forgotten = revived(partial(Engine, AREA, {}, (), ()), saved)
    assert forgotten == []
    assert [incident.type for incident in engine.active()] == ["box_outage"]


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_what_does_not_fit_is_forgotten_and_nothing_fails(saved: dict[str, Any], spoil: Callable[[Any], Any]) -> None:
    for kind in sorted({kind_of(name) for name in saved}):
        spoiled = {name: spoil(item) if kind_of(name) == kind else item for name, item in saved.items()}
        engine, forgotten = revived(partial(Engine, AREA, {}, (), ()), spoiled)
        assert set(forgotten) <= {kind, "carried", "statistics", "incident", "incidents"}
        if kind not in ("incident", "incidents"):
            assert [incident.type for incident in engine.active()] == ["box_outage"], kind
        run(engine, readings(AREA, minutes=2))
