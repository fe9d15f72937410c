"""Voltages that do not fit the neighbours': behind them as the own current rises, or off whatever is drawn."""

from collections.abc import Iterator, Mapping
from statistics import median

from rules.area import Area
from rules.book import Claim
from rules.observation import Observation
from rules.thresholds import Limits
from rules.witness import ALIVE, Witness

FORGET = 1 - 1 / 300  # weight of the past after every sample
EXPLAINED = 0.6  # least share of the lacking voltage's variance that the current must explain
MATES = 2  # neighbours that must agree before it is the meter and not the neighbour whose voltage is off
EVERY = 3  # polls between two samples: neighbours are read at other moments, so one more poll tells little


class Contact:
    """Fits, for every meter, the voltage it lacks against the current it draws: the slope is an impedance in ohm."""

    def __init__(self, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        own = limits["weak"]
        self._least_ohm = own["contact_ohm"]
        self._samples = own["contact_samples"]
        self._off_v = own["voltage_misfit_share"] * area.nominal_voltage
        self._witnesses = witnesses
        self._poll = area.poll_period_s
        self._mates: dict[str, list[Witness]] = {}
        boxes: dict[tuple[str, str], list[str]] = {}
        for device in area.devices:
            if device.kind == "meter" and len(device.phases) == 1:
                boxes.setdefault((device.node, device.phases), []).append(device.id)
        for names in boxes.values():
            for name in names if len(names) > 1 else ():
                self._mates[name] = [witnesses[other] for other in names if other != name]
        self.told: set[str] = set()
        self._news: list[tuple[str, Claim | None]] = []

    def take(self, _: Observation, witness: Witness) -> bool:
        """A meter was read; whether there is something to say."""
        if witness.polls % EVERY or witness.amps is None:
            return False
        mates = self._mates.get(witness.device.id)
        if mates is None:
            return False
        place = witness.places[0]
        own = witness.volts[place]
        near = [
            v
            for mate in mates
            if (v := mate.volts[place]) is not None
            and mate.state[place] == ALIVE
            and witness.at - mate.at < 1.5 * (mate.period or self._poll)
        ]
        if own is None or not near or witness.state[place] != ALIVE:
            return False
        self._sample(witness, median(near) - own, witness.amps, certain=len(near) >= MATES)
        return bool(self._news)

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        yield from self._news
        self._news = []

    def dump(self) -> object:
        """Its state as plain data; the fits are their witnesses'."""
        return sorted(self.told)

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        self.told.update(kept)

    def _sample(self, witness: Witness, lacking: float, amps: float, *, certain: bool) -> None:
        fit = witness.fit
        for index, value in enumerate((1.0, amps, lacking, amps * amps, amps * lacking, lacking * lacking)):
            fit[index] = fit[index] * FORGET + value
        if fit[0] < self._samples:
            return
        ohm, sure = slope(fit)
        name = witness.device.id
        loose = ohm if sure else 0.0
        if loose > self._least_ohm:
            self._tell(name, _loose(name, witness.at, ohm))
        elif ohm < self._least_ohm / 2:
            self._end(name)
        off = abs(fit[2] - loose * fit[1]) / fit[0]  # what it lacks when it draws nothing, V
        if off > self._off_v and certain:
            self._tell(f"off/{name}", _misfit(name, witness.at, off, self._off_v))
        elif off < self._off_v / 2:
            self._end(f"off/{name}")

    def _tell(self, key: str, claim: Claim) -> None:
        if key not in self.told:
            self.told.add(key)
            self._news.append((key, claim))

    def _end(self, key: str) -> None:
        if key in self.told:
            self.told.discard(key)
            self._news.append((key, None))


def slope(fit: list[float]) -> tuple[float, bool]:
    """Ohm from the sums n, I, V, I2, IV, V2; and whether the current moved enough and explains the voltage."""
    n, amps, volts, squares, products, lacks = fit
    spread, scatter = squares / n - (amps / n) ** 2, lacks / n - (volts / n) ** 2
    together = products / n - amps * volts / n**2
    if spread < 1.0 or scatter <= 0.0:
        return 0.0, False
    return together / spread, together**2 >= EXPLAINED * spread * scatter


def _loose(device: str, at: float, ohm: float) -> Claim:
    says = f"its voltage falls by {ohm:.2f} V for every ampere more than its neighbours' on the same phase does"
    cause = "a loose or corroded contact, or a service too thin"
    return _claim("loose_connection", device, at, cause, says, {"ohm": round(ohm, 3)})


def _misfit(device: str, at: float, off: float, limit: float) -> Claim:
    says = f"its voltage is {off:.1f} V off its neighbours' on the same phase whatever it draws"
    cause = "it is on another phase or in another place than the topology says, or measures wrongly"
    return _claim("voltage_misfit", device, at, cause, says, {"off_v": round(off, 2), "limit_v": round(limit, 2)})


def _claim(kind: str, device: str, at: float, cause: str, says: str, figures: dict[str, float]) -> Claim:
    return Claim(
        type=kind,
        node=device,
        state="confirmed",
        severity="info",
        started_at=at,
        started_after=at,
        devices=(device,),
        cause=cause,
        evidence=(says,),
        figures=figures,
    )
