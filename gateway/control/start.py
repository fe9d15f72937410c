"""Puts control together for a site: what it may do, how it reaches devices, where its log stands and is published."""

from collections.abc import Callable, Iterable, Mapping

from gateway.clock import Clock
from gateway.control.action import Action
from gateway.control.audit import TOPIC, Audit, AuditFile, Head, published
from gateway.control.chain import Record
from gateway.control.control import Control
from gateway.control.disconnections import Orders
from gateway.control.way import Carry, Way
from gateway.control.ways import way_of
from gateway.settings.models import ControlSettings, Site
from gateway.store import Draft, Stream
from gateway.verbs.names import Names

HEAD = "audit-head"
"""The last record that was published is kept in the store under this."""

Put = Callable[[Iterable[Draft], Mapping[str, object | None]], None]


def begin(
    site: Site,
    settings: ControlSettings,
    clock: Clock,
    saved: Mapping[str, object],
    carry: Carry,
    orders: Orders,
    put: Put,
    seen: Callable[[str, Mapping[str, float]], None],
) -> Control:
    """The control of a site. Blocks: it reads and checks the whole audit log. Never raises for a broken one."""
    names = Names(site)

    def done(action: Action) -> Way:
        return way_of(action, names.devices[action.device], settings, clock, carry)

    def tell(record: Record) -> None:
        head = {"seq": record.seq, "hash": record.hash}
        put([Draft(Stream.EVENT, clock.wall(), TOPIC, published(record))], {HEAD: head})

    audit = Audit(AuditFile(site.store.path.parent, clock, settings.audit_bytes), tell)
    control = Control(settings, names, clock, audit, done, orders, seen)
    audit.open(head_of(saved.get(HEAD)), control.past.heard)
    return control


def head_of(row: object) -> Head | None:
    """What was published last, as the store has it under `HEAD`."""
    return Head(int(row["seq"]), str(row["hash"])) if isinstance(row, dict) else None
