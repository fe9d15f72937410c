"""What earlier lives of the gateway left in the audit log: what counts for the limits, and what they did not end."""

import logging

from gateway.control.audit import Audit, AuditError
from gateway.control.chain import Record
from gateway.control.disconnections import Disconnections
from gateway.control.limits import EXECUTING, Limits
from gateway.verbs.names import Names

log = logging.getLogger(__name__)

STARTED = "started"

EXECUTED, CUT = "executed", "cut"
"""What ends an action in the log; the second is written at the next start, when the gateway stopped in between."""

UNKNOWN = "the gateway stopped: what came of it is unknown"


class Past:
    """Reads the log at the start, and then writes its first records of this life."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._last = ""  # what the last record says
        self._open: dict[int, Record] = {}  # begun and not ended, by number of the record

    def heard(self, record: Record) -> None:
        """A record of an earlier life."""
        self._last = record.what
        self._limits.heard(record)
        if record.what == EXECUTING:
            self._open[record.seq] = record
        elif record.what in (EXECUTED, CUT):
            self._open.pop(int(record.told.get("executing", 0)), None)

    async def end(self, audit: Audit, names: Names, disconnections: Disconnections, **told: object) -> None:
        """Write that a new life began, and how the last one was cut off; tell the rules what they missed."""
        missed = [record for record in audit.catch_up() if record.what == EXECUTED]
        for record in (*missed, *self._open.values()):  # what was cut off may have opened a relay
            action, device = str(record.told.get("action")), str(record.told.get("device"))
            if device in names.devices:
                await disconnections.before(action, device)
                await disconnections.after(action, device, str(record.told.get("result")))
        try:
            if self._last != STARTED:  # a gateway that starts again and again has nothing to tell
                await audit.append(STARTED, **told)
            for seq, record in self._open.items():
                log.warning("control: %s of %s was cut off", record.told.get("action"), record.told.get("device"))
                await audit.append(CUT, executing=seq, **_subject(record), says=UNKNOWN)
        except AuditError as error:
            log.error("control is off: %s", error)
        self._open.clear()


def _subject(record: Record) -> dict[str, object]:
    return {name: record.told[name] for name in ("operator", "request", "action", "device") if name in record.told}
