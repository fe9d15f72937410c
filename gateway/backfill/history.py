"""What the gateway knows of its own blind spots: gaps, coverage, and outage times that records set right.

It sees every observation and every incident on their way, and its state goes to disk in their transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

from gateway.backfill.coverage import Coverage
from gateway.backfill.ledger import Ledger
from gateway.clock import Clock, iso, local
from gateway.settings.models import Site
from gateway.slim import slim_json
from gateway.store import Draft, Stream
from rules.correction import Corrections, PlanFor, PowerDown
from rules.incident import Incident
from rules.observation import Observation
from rules.topology import Tree


class History:
    """Ledger, coverage and corrections of one site."""

    def __init__(
        self,
        site: Site,
        clock: Clock,
        saved: Mapping[str, object] | None = None,
        plan_for: PlanFor = lambda _nodes, _since: None,
    ) -> None:
        """`plan_for`: the announced outage that an outage of some nodes belongs to."""
        self._clock, self._gateway = clock, site.id
        backfill = site.backfill
        longest = {device.id: max(backfill.periods * device.period_s, backfill.shortest_s) for device in site.devices}
        remembers = [
            device.id
            for device in site.devices
            if device.driver == "dlt645" and device.profile.options.get("edition") != "1997"
        ]
        self.ledger = Ledger(longest, remembers if backfill.enabled else (), saved)
        self.coverage = Coverage({device.id: device.period_s for device in site.devices}, saved)
        self._corrections = Corrections(Tree(site.area), saved, plan_for)

    def take(self, seen: Observation) -> None:
        """An observation on its way. With a wrong clock nothing is known about time."""
        if self._clock.trusted():
            self.coverage.take(seen)
            self.ledger.take(seen)

    def hear(self, incidents: Iterable[Incident]) -> list[Incident]:
        """Incidents on their way; those that meters' records set right at once."""
        return self._corrections.hear(incidents, self._clock.wall())

    def correct(self, downs: Sequence[PowerDown]) -> list[Incident]:
        """Power-downs that meters recorded; the incidents that they set right."""
        return self._corrections.take(downs, self._clock.wall())

    def close_days(
        self, figures: Callable[[date], Mapping[str, object]] = lambda _: {}, also: Iterable[date] = ()
    ) -> Iterator[Draft]:
        """Finished days that are news, and those in `also`, as rows: coverage and other `figures`.

        With a wrong clock none is finished.
        """
        now = self._clock.wall()
        days = {*self.coverage.days(local(now).date()), *also} if self._clock.trusted() else ()
        for day in sorted(days):
            row = {"at": iso(now), "gateway": self._gateway, **self.coverage.message(day), **figures(day)}
            self.coverage.told(day)
            yield Draft(Stream.EVENT, now, "stats/day", slim_json(row))

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call."""
        return {**self.ledger.changes(), **self.coverage.changes(), **self._corrections.changes()}
