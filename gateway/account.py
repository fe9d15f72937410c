"""What a gateway tells of itself: its figures, its birth, a line of status, and what must move on."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from gateway.clock import iso
from gateway.health import Progress
from gateway.north.influx import InfluxSender
from gateway.north.mqtt import MqttSender
from gateway.process import usage

if TYPE_CHECKING:
    from gateway.app import Gateway

STUCK_S = 60.0
"""A line or a store that has not moved for so long is stuck, and the watchdog is not fed."""


def figures(gateway: "Gateway") -> Mapping[str, object]:
    """Everything that it counts: for `metrics`, Prometheus and the database."""
    return {
        "at": round(gateway.clock.wall(), 3),
        "process": usage(gateway.begun, gateway.clock.monotonic()),
        "observations": gateway.pipeline.observations,
        "incidents": len(gateway.rules.active()),
        "silenced": gateway.pipeline.silences.held,
        "silences": [asdict(silence) for silence in gateway.pipeline.silences.lasting()],
        "commands": asdict(gateway.commands.report),
        "control": None if gateway.control is None else asdict(gateway.control.report),
        "lines": [asdict(bus.report()) for bus in gateway.buses.values()],
        "store": asdict(gateway.store.figures()),
        "backfill": asdict(gateway.pipeline.history.ledger.figures()),
        "mqtt": None if gateway.mqtt is None else asdict(gateway.mqtt.report),
        "influx": None if gateway.influx is None else asdict(gateway.influx.report),
    }


def birth(gateway: "Gateway") -> Mapping[str, object]:
    """What the retained state tells of this run."""
    return {
        "at": iso(gateway.clock.wall()),
        "boot_id": gateway.boot_id,
        "version": version("taiqu-gateway"),
        "configuration": gateway.site.fingerprint,
        "clock_trusted": gateway.clock.trusted(),
    }


def status(gateway: "Gateway") -> str:
    """One line for `systemctl status`."""
    reports = [bus.report() for bus in gateway.buses.values()]
    silent = sum(device.down for report in reports for device in report.devices)
    closed = [report.line for report in reports if not report.open]
    return (
        f"{len(gateway.site.devices)} devices, {silent} silent; {len(gateway.rules.active())} incidents;"
        f" broker {_link(gateway.mqtt)}, database {_link(gateway.influx)}"
        + (f"; closed: {', '.join(closed)}" if closed else "")
    )


def watched(gateway: "Gateway") -> Iterator[Progress]:
    """What must move for the watchdog to be fed. A disk that takes nothing is known, and no reason to restart."""
    for bus in gateway.buses.values():
        yield Progress(f"line {bus.line.id}", partial(getattr, bus, "beat"), STUCK_S)

    def commits() -> object:
        stored = gateway.store.figures()
        return stored.commits if stored.unwritten and not stored.trouble else object()

    yield Progress("store", commits, STUCK_S)


def _link(sender: MqttSender | InfluxSender | None) -> str:
    if sender is None:
        return "none"
    return sender.report.says or "connected"
