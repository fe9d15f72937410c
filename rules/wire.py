"""One line as its answers show it: how many of them get lost, lately and usually."""

from math import sqrt

from rules.area import Area

LONG = 1000.0  # polls over which it is learned what a line usually loses
BAD_SPELL = 0.15  # share of lost answers above which a line is not as usual


class Wire:
    """How many answers get lost on one line."""

    __slots__ = ("_miss", "lost", "memory", "now", "polls", "unsaved", "usual")

    def __init__(self, devices: int) -> None:
        self.memory = 1.0 - 1.0 / max(20, 2 * devices)
        self.polls = 0.0
        self.lost = 0.0
        self.usual = 0.0  # share of polls that nothing comes back to though all is well
        self.now = 0.0  # share of devices that are silent now and that no fault explains
        self.unsaved = False  # it changed since it was last saved
        self._miss = -1.0  # see `miss`; below 0: to be worked out anew

    def count(self, lost: int) -> None:
        """So many polls in a row lost their answer; 0: one was answered well. Silence is counted when it is over."""
        if self.lost <= BAD_SPELL * self.polls:
            self.usual += (lost - self.usual) / LONG
        self._weigh(lost, lost or 1)

    def garble(self) -> None:
        """An answer came garbled."""
        self._weigh(1, 1)

    def _weigh(self, lost: int, polls: int) -> None:
        kept = self.memory**polls
        self.polls = self.polls * kept + polls
        self.lost = self.lost * kept + lost
        self.unsaved, self._miss = True, -1.0

    def blame(self, share: float) -> None:
        """This share of its devices is silent now without a fault."""
        if share != self.now:
            self.now, self.unsaved, self._miss = share, True, -1.0

    def dump(self) -> object:
        """Its state as plain data."""
        return [self.polls, self.lost, self.now, self.usual]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        self.polls, self.lost, self.now, self.usual = kept
        self._miss = -1.0

    @property
    def miss(self) -> float:
        """Share of answers that get lost or garbled, over about two rounds of the line, or usually, if that is more.

        So few polls tell it roughly: what counts is the share one standard deviation above what they show.
        """
        if self._miss < 0:
            spread = sqrt(max(0.0, self.lost - 1.0))  # one lost answer tells of no rate
            rate = (self.lost + spread) / self.polls if self.polls > 10 else 0.0
            self._miss = max(rate, self.now, self.usual)
        return self._miss

    @property
    def rate(self) -> float:
        """The same as it shows, from lost and garbled answers alone that others followed."""
        return self.lost / self.polls if self.polls > 10 else 0.0

    @property
    def sure_rate(self) -> float:
        """The same, one standard deviation below what so few polls show: that much at least gets lost."""
        return (self.lost - sqrt(self.lost)) / self.polls if self.polls > 10 else 0.0


def wires_of(area: Area) -> dict[str, Wire]:
    """The lines of an area that somebody is read over, as nobody has used them yet."""
    sizes: dict[str, int] = {}
    for device in area.devices:
        if device.bus is not None:
            sizes[device.bus] = sizes.get(device.bus, 0) + 1
    return {bus: Wire(size) for bus, size in sizes.items()}
