"""Line use: how much of what a DL/T 645 line can carry is carried, on a pty paced at the baud rate.

The limit is request without preamble + answer + 30 ms of the meter + the configured pause between frames, which is
3.5 characters here; lengths are those of the frames that were exchanged. The peers' figures are those of PyPI's
dlt645 3.2.0 and python-dlt645 0.1.4 on such a line: 92 % of the limit without a pause, 33 % with one dead of eight.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import uvloop

from drivers.api import LineSettings
from drivers.profile import product_profiles, read_profile
from gateway.clock import SystemClock
from gateway.settings.models import Device, Line
from gateway.south.bus import Bus
from gateway.south.link.ports import link_to
from gateway.south.poll import Poll
from gateway.south.wire import silence
from tests.bench.report import row

DELAY_S = 0.03
SECONDS, DEAD_SECONDS = 5.0, 75.0
SINGLE = ("energy_import",)
BLOCK = ("voltage_a", "voltage_b", "voltage_c")
PROFILE = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])


@contextmanager
def meters(baud: int, count: int) -> Iterator[str]:
    """The port of a paced line with so many meters."""
    command = [sys.executable, "-m", "tests.bench.reference.paced_meters", str(baud), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def device(number: int, wire: LineSettings, points: Sequence[str]) -> Device:
    """A meter that is asked again as soon as the line is free."""
    return Device(
        id=f"m{number}",
        profile=PROFILE,
        driver="dlt645",
        line="l1",
        address=f"{number:012d}",
        node="n1",
        kind="meter",
        wire=wire,
        period_s=0.01,
        points=tuple(points),
    )


async def share(port: str, baud: int, asked: int, points: Sequence[str], settle: float, seconds: float) -> float:
    """Answers in `seconds`, after `settle` seconds, as a share of those that the line could carry."""
    wire = LineSettings(baud, 8, "even", 1)
    good: list[float] = []  # when answers were whole
    clock = SystemClock()
    devices = [device(number, wire, points) for number in range(asked)]

    def count(poll: Poll) -> None:
        if poll.fault is None:
            good.append(time.perf_counter())

    bus = Bus(Line("l1", port), devices, link_to(port, clock), clock, count)
    running = asyncio.create_task(bus.run())
    await asyncio.sleep(settle)
    good.clear()
    await asyncio.sleep(seconds)
    answers, elapsed = len(good) - 1, good[-1] - good[0]
    sizes = [median(len(frame.data) for frame in bus.trace.frames() if frame.direction == way) for way in ("out", "in")]
    bus.close()
    await running
    exchange = wire.seconds(round(sum(sizes))) + DELAY_S + silence(wire, PROFILE.pause_s)
    return answers / elapsed * exchange


def main() -> None:
    """All lines."""
    for baud in (2400, 9600):
        for count in (1, 64):
            with meters(baud, count) as port:
                for what, points in (("single items", SINGLE), ("blocks", BLOCK)):
                    used = uvloop.run(share(port, baud, count, points, 1.0, SECONDS))
                    row("line", f"{baud} baud, {count} meters, {what}", 100 * used, "% of limit", 92.0)
    with meters(9600, 7) as port:
        used = uvloop.run(share(port, 9600, 8, SINGLE, 15.0, DEAD_SECONDS))
        row("line", "9600 baud, one dead of eight, single items", 100 * used, "% of limit", 33.0)


if __name__ == "__main__":
    main()
