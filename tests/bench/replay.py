"""How fast `taiqu replay` runs on one core and what it needs; how that grows with an area's meters and depth."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import process_time

from gateway.recording import Recorder, open_recording
from gateway.replay import replay
from gateway.simulate import chance, network
from gateway.simulate.fault import Fault
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Episode, Expectation, Scenario
from rules.area import Area, Bus, Device, Node
from tests.bench.report import row

START = 1_760_000_000.0
NEEDED = {100: 30_000.0, 400: 15_000.0}  # observations a second
NEEDED_MB = 100.0
SILENT = Expectation(types=(), nodes=())
SIZES, DEPTHS = (50, 100, 200, 400), (2, 3, 4, 5, 6)
METERS_IN_BOX, ON_A_LINE = 8, 50
TRIES = 3
"""The best of these counts: others use the machine too."""


@dataclass(frozen=True, slots=True)
class Day:
    """What happens while the area is read."""

    title: str
    faults: tuple[tuple[Fault, float, float], ...] = ()


def days(area: Area) -> Iterator[Day]:
    """A quiet one, a noisy line, a long outage of everything, and voltages that stay outside the limits."""
    yield Day("a quiet day")
    yield Day("a noisy line", ((Fault("line_noisy", area.buses[0].id, share=0.35), 300.0, 3300.0),))
    yield Day("the transformer dark for most of it", ((Fault("transformer_off", "T1"), 600.0, 3000.0),))
    feeder = next(node.id for node in area.nodes if node.kind == "feeder")
    yield Day("a feeder's neutral broken for most of it", ((Fault("neutral_broken", feeder), 600.0, 3000.0),))


def grown(meters: int, depth: int) -> Area:
    """Two feeders with so many lines behind one another; meters eight to a box, all boxes as deep as can be."""
    nodes = [Node("MV", "mv_feeder"), Node("T1", "transformer", "MV", rated_kva=4000.0, vector_group="Dyn11")]
    for feeder in ("F1", "F2"):
        chain = [feeder, *(f"{feeder}-L{number}" for number in range(1, depth + 1))]
        nodes.append(Node(feeder, "feeder", "T1"))
        nodes += [Node(line, "line", above, length_m=5.0) for above, line in pairwise(chain)]
    boxes = [f"B{number:02d}" for number in range(-(-meters // METERS_IN_BOX))]
    nodes += [Node(box, "box", f"{feeder}-L{depth}") for box, feeder in zip(boxes, cycle(("F1", "F2")), strict=False)]
    buses = [Bus(f"RS{number}") for number in range(-(-meters // ON_A_LINE))]
    devices = [
        Device(f"M{n:03d}", "meter", boxes[n // METERS_IN_BOX], "ABC"[n % 3], buses[n // ON_A_LINE].id)
        for n in range(meters)
    ]
    devices.append(Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800))
    return Area("grown", tuple(nodes), tuple(devices), tuple(buses))


def record(folder: Path, area: Area, day: Day) -> None:
    """An hour of observations."""
    episodes = tuple(Episode(fault.kind, fault, begin, end, fault.kind, SILENT) for fault, begin, end in day.faults)
    stream = observe(network.build(area), Scenario(day.title, 3600.0, episodes), Polling(START, 3600.0, 60.0))
    with Recorder(folder, area) as recorder:
        for seen in stream:
            recorder.put(seen)


def rate(folder: Path) -> float:
    """Observations a second on one core: from the files to the incidents, as `taiqu replay` does it."""
    took: list[float] = []
    for _ in range(TRIES):
        recording, began = open_recording(folder), process_time()
        observations = replay(recording, {}).observations
        took.append(process_time() - began)
    return observations / min(took)


def plain(folder: Path) -> float:
    """The same for a program that only reads the recording and keeps the newest values of every device."""
    took: list[float] = []
    for _ in range(TRIES):
        newest, count, began = {}, 0, process_time()
        for seen in open_recording(folder).observations():
            newest[seen.device] = seen.values
            count += 1
        took.append(process_time() - began)
    return count / min(took)


def peak_mb(folder: Path) -> float:
    """Memory of a whole `taiqu replay` at its peak."""
    run = subprocess.Popen([sys.executable, "-m", "gateway", "replay", str(folder)], stdout=subprocess.DEVNULL)
    usage = os.wait4(run.pid, 0)[2]
    run.returncode = 0
    return usage.ru_maxrss / 1024


def main() -> None:
    """Print every figure."""
    gc.set_threshold(50_000)  # as the command does
    with TemporaryDirectory() as made:
        folders = map(partial(Path, made), map(str, range(1000)))
        for meters in (100, 400):
            area = chance.random_area(Random(meters), meters)
            for day, folder in zip(days(area), folders, strict=False):
                record(folder, area, day)
                row("replay", f"{meters} meters, {day.title}", round(rate(folder)), "observations/s", NEEDED[meters])
        row("replay", "400 meters: only reading the recording", round(plain(folder)), "observations/s")
        mb = peak_mb(folder)
        row("replay", "400 meters: memory at its peak", round(mb, 1), "MB", NEEDED_MB, round(NEEDED_MB / mb, 2))
        for title, areas in (
            ("meters, 3 lines deep", [(meters, grown(meters, 3)) for meters in SIZES]),
            ("lines deep, 100 meters", [(depth, grown(100, depth)) for depth in DEPTHS]),
        ):
            for number in (0, 1):
                first: float | None = None
                for size, area in areas:
                    day, folder = next(islice(days(area), number, None)), next(folders)
                    record(folder, area, day)
                    now = rate(folder)
                    row("replay", f"{size} {title}, {day.title}", round(now), "observations/s", first)
                    first = first or round(now)


if __name__ == "__main__":
    main()
