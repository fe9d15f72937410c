"""What devices cost each other on a line, and how long a dead one is left alone so that the living do not notice."""

from collections.abc import Collection

from gateway.south.station import Station
from gateway.south.wire import Wire


class Fairness:
    """The accounts of one line."""

    def __init__(self, stations: Collection[Station], wire: Wire) -> None:
        self._stations = stations
        self._wire = wire
        self._talker: Station | None = None  # who last gave no good answer on a line that was silent before

    def charge(self, station: Station, visit_s: float, waited_s: float) -> None:
        """A visit is over that held the line for `visit_s`, of which it waited `waited_s` for others to stop talking.

        What a device does to the line after its own visit is part of what it costs: others cannot be understood.
        """
        station.visit_s = visit_s
        drowned = self._wire.noise == "loud"
        if not (waited_s or drowned) and not station.health.failures:
            return  # as nearly always
        talker = self._talker
        if talker is not None and (talker is station or talker.health.good):
            talker = self._talker = None
        if talker is not None and drowned:
            talker.aftermath_s += visit_s
        elif talker is not None and waited_s:
            talker.aftermath_s += waited_s
            station.visit_s -= waited_s
        elif not station.health.good:
            self._talker = station

    def pause(self, station: Station) -> float:
        """Seconds until a device that is down is visited again."""
        dead = sum(other.health.down for other in self._stations)
        load = sum(other.visit_s / other.schedule.period for other in self._stations if not other.health.down)
        cost = station.visit_s + station.caller.terms.guard_s  # nobody speaks after it either
        aftermath_s, station.aftermath_s = station.aftermath_s, 0.0
        return station.health.pause(station.schedule.period, cost, dead, load, aftermath_s)
