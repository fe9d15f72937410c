"""The one meter that explains what is lost: the loss rises and falls with what it counts, or grew when it fell."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp

from rules.remarks import Remarker
from rules.thresholds import Limits
from rules.witness import Witness

MEMORY_H = 168.0  # hours after which a span counts for a third
HOURS = 24.0  # before anything is said
DAYS = 7  # over which what is usual is learned
LEAST = 0.2  # of what it counts, that it counts too much or too little: less is within the losses of its own lines
FOREIGN = 0.15  # a meter that takes so close to all that is missing is fed from elsewhere
SIZE = 10
E, EE, EL, EG, DAY, USUAL, START, START_AT, END, END_AT = range(SIZE)
"""Places in a witness's window: weighted sums of what it counted an hour (kW), of its square, of its product with the
loss and with what was given; kWh of the day that runs; usual kWh a day; registers at begin and end of the span that
runs, kWh, and when they were that."""


@dataclass(slots=True)
class Sums:
    """The area's own: weighted sums over spans of loss and of what was given, kW; kWh by the day."""

    n: float = 0.0
    loss: float = 0.0
    given: float = 0.0
    loss_loss: float = 0.0
    loss_given: float = 0.0
    given_given: float = 0.0
    hours: float = 0.0  # since the rules began to count
    day_kwh: float = 0.0  # lost in the day that runs
    usual_kwh: float = 0.0  # lost a day
    usual_days: int = 0
    fell: str = ""  # the meter that explained the last day by counting less


@dataclass(frozen=True, slots=True)
class Suspect:
    """A meter that explains a loss, and why."""

    witness: Witness
    says: str
    cause: str
    figures: dict[str, float]


class Suspects:
    """Counts every span with all registers known, and looks for a suspect when a day has lost too much."""

    def __init__(self, meters: Sequence[Witness], limits: Limits, remarker: Remarker) -> None:
        self._meters = meters
        self._explains = limits["weak"]["suspect_share"]
        self._least_kwh = limits["weak"]["loss_least_kwh"]
        self._remarker = remarker
        self._sums = Sums()

    def count(self, used: dict[str, float], lost: float, given: float, hours: float) -> None:
        """One more span: kWh by meter, and of the area."""
        sums, keep = self._sums, exp(-hours / MEMORY_H)
        loss, gave = lost / hours, given / hours
        sums.n, sums.loss, sums.given = sums.n * keep + 1, sums.loss * keep + loss, sums.given * keep + gave
        sums.loss_loss = sums.loss_loss * keep + loss * loss
        sums.loss_given = sums.loss_given * keep + loss * gave
        sums.given_given = sums.given_given * keep + gave * gave
        sums.hours, sums.day_kwh = sums.hours + hours, sums.day_kwh + lost
        for witness in self._meters:
            run = witness.windows.setdefault("balance", [0.0] * SIZE)
            kwh = used[witness.device.id]
            kw = kwh / hours
            for place, more in ((E, kw), (EE, kw * kw), (EL, kw * loss), (EG, kw * gave)):
                run[place] = round(run[place] * keep + more, 5)
            run[DAY] = round(run[DAY] + kwh, 3)
            witness.unsaved = True

    def close_day(self, at: float, hours: float) -> None:
        """A day of so many judged hours is over."""
        per_day = 24 / hours
        fallen = self._by_fall(per_day)
        found = self._by_course() or fallen
        for witness in self._meters:
            if found is None or witness is not found.witness:
                self._remarker.over(f"suspect/{witness.device.id}")
        if found is not None:
            name = found.witness.device.id
            key, figures = f"suspect/{name}", found.figures
            self._remarker.say(key, "consumption_misfit", name, at, found.says, figures, cause=found.cause)
        self._learn(per_day, usual=found is None or found is not fallen)

    def _learn(self, per_day: float, *, usual: bool) -> None:
        """`usual`: what is usual is learned from this day, which is over."""
        sums = self._sums
        share = 1 / min(DAYS, sums.usual_days + 1) if usual else 0.0
        sums.usual_kwh = _moved(sums.usual_kwh, sums.day_kwh * per_day, share)
        sums.usual_days, sums.day_kwh = sums.usual_days + 1, 0.0
        for witness in self._meters:
            if run := witness.windows.get("balance"):
                run[USUAL] = _moved(run[USUAL], run[DAY] * per_day, share)
                run[DAY], witness.unsaved = 0.0, True

    def _by_course(self) -> Suspect | None:
        """The meter with whose counting the loss rises and falls, when no other explains nearly as much."""
        sums, n = self._sums, self._sums.n
        given = sums.given_given / n - (sums.given / n) ** 2
        loss_given = sums.loss_given / n - sums.loss * sums.given / n**2
        loss = sums.loss_loss / n - (sums.loss / n) ** 2
        if sums.hours < HOURS or given <= 0.0 or (left := loss - loss_given**2 / given) <= 0.0:
            return None
        found: list[tuple[float, float, Witness]] = []
        for witness in self._meters:
            run = witness.windows["balance"]
            own_given = run[EG] / n - run[E] * sums.given / n**2
            own = run[EE] / n - (run[E] / n) ** 2 - own_given**2 / given
            both = run[EL] / n - run[E] * sums.loss / n**2 - own_given * loss_given / given
            if own > 0.0:
                found.append((both * both / (own * left), both / own, witness))
        found.sort(key=lambda row: row[0], reverse=True)
        if not found or found[0][0] < self._explains or abs(found[0][1]) < LEAST:
            return None
        explains, times, witness = found[0]
        second = found[1][0] if len(found) > 1 else 0.0
        if 1.0 - explains > (1.0 - second) / 2:
            return None
        figures = {"explains": round(explains, 3), "lost_for_a_kwh": round(times, 3)}
        return Suspect(witness, *_course(times), figures)

    def _by_fall(self, per_day: float) -> Suspect | None:
        """The only meter that counts so much less than usual, as much as more is lost, on two days in a row."""
        sums, before = self._sums, self._sums.fell
        sums.fell = ""
        grew = sums.day_kwh * per_day - sums.usual_kwh
        if sums.usual_days < 2 or grew < self._least_kwh:
            return None
        runs = [(w, run) for w in self._meters if (run := w.windows.get("balance"))]
        falls = [(run[USUAL] - run[DAY] * per_day, run[USUAL], w) for w, run in runs]
        fitting = [(fell, w) for fell, usual, w in falls if 0.7 < fell / grew < 1.3 and fell > usual / 2]
        if len(fitting) != 1:
            return None
        ((fell, witness),) = fitting
        sums.fell = witness.device.id
        if sums.fell != before:
            return None
        says = f"the area loses {grew:.1f} kWh a day more since it counts {fell:.1f} kWh a day less"
        cause = "it stands still, or most of the load is taken past it"
        return Suspect(witness, says, cause, {"grew_kwh": round(grew, 2), "fell_kwh": round(fell, 2)})

    def dump(self) -> object:
        """Its state as plain data; what belongs to a meter is in its witness's window."""
        return asdict(self._sums)

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, dict)
        self._sums = Sums(**kept)


def _moved(usual: float, day: float, share: float) -> float:
    return round(usual + share * (day - usual), 4)


def _course(times: float) -> tuple[str, str]:
    """What is said of a meter of whose every kWh so many more are lost, and why that may be."""
    says = (
        f"of every kWh that it counts {abs(times):.2f} more are {'lost' if times > 0 else 'missing at the transformer'}"
    )
    if abs(times + 1) < FOREIGN:
        return says, "it is fed from another area"
    if times < 0:
        return says, "it counts more than it draws: a wrong ratio of its current transformers, or a faulty meter"
    return says, f"it counts {1 / (1 + times):.0%} of what it draws: a wrong ratio, a phase not connected, or a bypass"
