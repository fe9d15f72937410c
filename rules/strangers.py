"""Devices that answer and stand in no list of the area."""

from rules.area import Area
from rules.observation import Observation
from rules.remarks import Remarker


class Strangers(Remarker):
    """Tells of each when it has answered twice: one answer may be a broken address."""

    def __init__(self, area: Area) -> None:
        super().__init__(area)
        self._first: dict[str, float] = {}  # epoch seconds of its first answer, by device

    def take(self, seen: Observation) -> bool:
        """A device was heard that the topology does not know; whether there is something to say."""
        if seen.fault is not None:
            return False
        first = self._first.setdefault(seen.device, seen.at)
        if seen.at > first:
            says = "it answers and stands in no list of this area: replaced, added, or listened in from elsewhere"
            self.say(seen.device, "unknown_device", seen.device, first, says, {}, devices=())
        return bool(self.news)

    def dump(self) -> object:
        """Its state as plain data."""
        return [self._first, super().dump()]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        first, said = kept
        self._first = {device: at for device, at in first.items() if device not in self._places}
        self.said.update((device, device) for device in said if device in self._first)
