"""What a gateway does every second, whatever its lines are doing: time passes for the rules, and changes are shown."""

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.pipeline import told

if TYPE_CHECKING:
    from gateway.app import Gateway

log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often the rules are told that time has passed."""


async def run(gateway: "Gateway") -> None:
    """Until cancelled."""
    shown = True
    while True:
        await asyncio.sleep(TICK_S)
        gateway.pipeline.tick()
        now = gateway.clock.wall()
        _tell_troubles(gateway, now)
        try:
            show_pool(gateway, now)
            shown = True
        except Exception:  # the board only shows what the rules know: whatever it was, it is worth no restart
            if shown:
                log.exception("the outage pool cannot be shown")
            shown = False


def _tell_troubles(gateway: "Gateway", now: float) -> None:
    influx = gateway.influx.report if gateway.influx is not None else None
    audit = gateway.control.audit.trouble if gateway.control is not None else ""
    expiring = gateway.mqtt.expiring(now) if gateway.mqtt is not None and gateway.clock.trusted() else {}
    unheard = gateway.commands.report.unheard
    troubles, items = gateway.selfcare.step(now, gateway.store.figures(), influx, audit, expiring, unheard)
    if troubles:
        gateway.store.put(map(told, troubles), items)


def show_pool(gateway: "Gateway", now: float) -> None:
    """What changed in the outage pool goes to its topics."""
    if drafts := gateway.board.step(now, gateway.rules.desk.pool(now)):
        gateway.store.put(drafts, gateway.board.changes())
