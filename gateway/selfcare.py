"""The gateway's own troubles, told as incidents like any other: what it had to throw away, and who refuses it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from gateway.clock import iso
from gateway.north.influx import InfluxReport
from gateway.store import Figures
from rules.incident import Incident, Severity

OWN = "own/"
"""Troubles that last are kept in the store under this and their type."""

CALM_S = 600.0
"""Loss is over when nothing more was lost for so long."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with the gateway itself."""

    type: str
    severity: Severity
    cause: str


class Selfcare:
    """Notices troubles begin and end. Time is an argument; state goes to the store with the incidents."""

    def __init__(self, gateway: str, saved: Mapping[str, object] | None = None) -> None:
        self._gateway = gateway
        self._lasting: dict[str, Incident] = {}
        self._lost: dict[str, int] = {"broken": 0}  # a file that broke is found at the start already
        self._lost_at: dict[str, float] = {}
        for key, row in (saved or {}).items():
            if key.startswith(OWN) and isinstance(row, dict):
                self._lasting[key.removeprefix(OWN)] = _incident(row)

    def active(self) -> Sequence[Incident]:
        """Troubles that last."""
        return tuple(self._lasting.values())

    def step(
        self,
        at: float,
        store: Figures,
        influx: InfluxReport | None = None,
        audit: str = "",
        certificates: Mapping[str, float] | None = None,
        unheard: int = 0,
    ) -> tuple[list[Incident], dict[str, object | None]]:
        """One look: incidents that changed, and items of state to keep with them.

        `audit`: why there is no control. `certificates`: those that end soon, by whose they are: epoch seconds.
        `unheard`: requests that came too fast to be looked at, so far.
        """
        troubles = [*self._troubles(at, store, influx), *_renewals(at, certificates or {})]
        if audit:
            troubles.append(Trouble("control_off", "major", f"nobody can change a device: {audit}"))
        if self._grew("unheard", unheard, at):
            says = "more requests come than are listened to: look who publishes below cmd/"
            troubles.append(Trouble("requests_unheard", "minor", says))
        now = {trouble.type: trouble for trouble in troubles}
        begun = [self._begin(trouble, at) for trouble in now.values() if trouble.type not in self._lasting]
        ended = [self._end(kind, at) for kind in list(self._lasting) if kind not in now]
        items: dict[str, object | None] = {OWN + incident.type: asdict(incident) for incident in begun}
        items |= {OWN + incident.type: None for incident in ended}
        return begun + ended, items

    def _troubles(self, at: float, store: Figures, influx: InfluxReport | None) -> Iterator[Trouble]:
        if self._grew("shed", sum(store.shed.values()), at):
            yield Trouble("store_full", "major", "the store is at its bound; the oldest data was thrown away unsent")
        if self._grew("lost", store.lost, at):
            yield Trouble(
                "store_lost", "major", "the disk took nothing, or broke, and memory could not hold everything"
            )
        if self._grew("broken", store.broken, at):
            yield Trouble("store_broken", "major", "the store's file was broken and set aside; a new one was begun")
        if self._grew("set aside", store.set_aside, at):
            yield Trouble("not_deliverable", "minor", "a row that the other side never takes; `taiqu store` names it")
        if store.trouble:
            yield Trouble("store_refuses", "major", f"the disk takes nothing: {store.trouble}")
        if influx is not None and influx.forbidden:
            yield Trouble("database_refuses", "minor", f"the database refuses us: {influx.says}")

    def _grew(self, name: str, count: int, at: float) -> bool:
        """Whether a count of losses has grown lately. What was lost before this life of the gateway was told then."""
        if count > self._lost.setdefault(name, count):
            self._lost_at[name] = at
        self._lost[name] = count
        return 0 <= at - self._lost_at.get(name, -CALM_S) < CALM_S  # a clock that was set back ends it too

    def _begin(self, trouble: Trouble, at: float) -> Incident:
        incident = Incident(
            id=f"{self._gateway}-{trouble.type}-{int(at)}",
            type=trouble.type,
            state="confirmed",
            reason="first",
            severity=trouble.severity,
            at=at,
            node=self._gateway,
            started_at=at,
            started_after=at,
            cause=trouble.cause,
        )
        self._lasting[trouble.type] = incident
        return incident

    def _end(self, kind: str, at: float) -> Incident:
        return replace(self._lasting.pop(kind), state="cleared", reason="cleared", at=at, ended_at=at)


def _renewals(at: float, certificates: Mapping[str, float]) -> Iterator[Trouble]:
    if certificates:
        said = [
            f"the certificate of the {whose} ends on {iso(end)[:10]}" for whose, end in sorted(certificates.items())
        ]
        severity: Severity = "major" if min(certificates.values()) <= at else "minor"
        yield Trouble("certificate_expires", severity, "; ".join(said))


def _incident(row: Mapping[str, object]) -> Incident:
    """From the store, where tuples became lists."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Incident(**fields)  # type: ignore[arg-type]
