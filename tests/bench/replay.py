"""How fast the rules replay a recording on one core, and what they need: 100 and 400 meters, quiet and busy days."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from time import process_time

from gateway.simulate import chance, network
from gateway.simulate.fault import Fault
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Episode, Expectation, Scenario
from rules.area import Area
from rules.engine import Engine
from rules.observation import Observation
from tests.bench.report import row

START = 1_760_000_000.0
NEEDED = {100: 30_000.0, 400: 15_000.0}  # observations a second
NEEDED_MB = 100.0
SILENT = Expectation(types=(), nodes=())


@dataclass(frozen=True, slots=True)
class Day:
    """What happens while the area is read."""

    title: str
    faults: tuple[tuple[Fault, float, float], ...] = ()


def days(area: Area) -> Iterator[Day]:
    """A quiet one, a noisy line, and a long outage of everything."""
    yield Day("a quiet day")
    yield Day("a noisy line", ((Fault("line_noisy", area.buses[0].id, share=0.35), 300.0, 3300.0),))
    yield Day("the transformer dark for most of it", ((Fault("transformer_off", "T1"), 600.0, 3000.0),))


def stream(area: Area, day: Day) -> list[Observation]:
    """An hour of observations, made before the clock runs."""
    episodes = tuple(Episode(fault.kind, fault, begin, end, fault.kind, SILENT) for fault, begin, end in day.faults)
    polling = Polling(START, 3600.0, 60.0)
    return list(observe(network.build(area), Scenario(day.title, 3600.0, episodes), polling))


def main() -> None:
    """Print every figure."""
    for meters in (100, 400):
        area = chance.random_area(Random(meters), meters)
        for day in days(area):
            seen = stream(area, day)
            engine = Engine(area)
            began = process_time()
            for observation in seen:
                engine.take(observation)
            rate = len(seen) / (process_time() - began)
            row("replay", f"{meters} meters, {day.title}", round(rate), "observations/s", NEEDED[meters])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row("replay", "memory of the process at its peak", round(peak, 1), "MB", NEEDED_MB, round(NEEDED_MB / peak, 2))


if __name__ == "__main__":
    main()
