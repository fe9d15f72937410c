"""The gateway as its own process: an outage, and what the meters remember of it, arrive over a real broker."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.settings import load
from gateway.simulate.fault import Fault
from gateway.simulate.site import lay_out
from tests.area import Area, service
from tests.servers import Heard, Listener, nats_server, started

TRIPPED = Fault("breaker_tripped", "B3")
BOX = {"M03A", "M03B", "M03C"}


def silent(heard: list[Heard]) -> bool:
    """Whether every meter of the box has missed two polls."""
    missed = Counter(row["device"] for row in observations(heard, "/data/") if row.get("fault"))
    return all(missed[device] > 1 for device in BOX)


def remembered(heard: list[Heard], notice: str) -> dict[str, float]:
    """When devices lost or regained supply, by their own records."""
    rows = observations(heard, "/hist/")
    return {row["device"]: row["at"] for row in rows if row.get("notice") == notice and row["source"] == "backfill"}


def observations(heard: list[Heard], topic: str) -> list[dict[str, Any]]:
    return [row for message in heard if topic in message.topic for row in message.data["observations"]]


@pytest.mark.broker
def test_after_a_kill_in_the_middle_of_an_outage_the_meters_tell_its_times(tmp_path: Path) -> None:
    broker = nats_server(tmp_path)
    config = lay_out(tmp_path / "site", mqtt_port=broker.port)
    text = config.read_text().replace("period_s = 2\n", "period_s = 3\n")  # leaves the lines some time for the past
    config.write_text(f"{text}\n[backfill]\nperiods = 2\nshortest_s = 4\n")
    gateway = service(config)
    with started(broker), Area(load(config)) as area:
        listener = Listener(broker.port)
        gateway.start()
        try:
            listener.until(
                lambda heard: {row["device"] for row in observations(heard, "/data/")} >= BOX, "first values"
            )
            broke_at = _now()
            area.break_things(TRIPPED)
            listener.until(lambda heard: silent(heard) and _now() > broke_at + 8, "eight seconds of silence")
            gateway.kill()
            area.break_things()
            repaired_at = _now()
            gateway.start()
            heard = listener.until(lambda heard: remembered(heard, "power_on").keys() == BOX, "the meters' records")
        finally:
            gateway.kill()
            listener.close()
    assert remembered(heard, "last_gasp") == dict.fromkeys(BOX, pytest.approx(broke_at, abs=2.5))
    assert remembered(heard, "power_on") == dict.fromkeys(BOX, pytest.approx(repaired_at, abs=2.5))


def _now() -> float:
    return SystemClock().wall()
