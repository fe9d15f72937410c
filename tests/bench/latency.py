"""From the device to the operator: how long after a register was read its value is in a subscriber's hands.

A register that changes at any moment waits for the next poll first; at a period of 1 s that is 950 ms in 95 of 100
cases, for everybody: the sampling ideal. What comes on top is measured here, through rules, store and broker.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import quantiles

import uvloop

from drivers.profile import read_profile
from gateway.app import Gateway
from gateway.clock import SystemClock
from gateway.settings.models import Mqtt, Site, Store
from tests.bench.parts import site
from tests.bench.processes import process, raise_file_limit, said
from tests.bench.reference.modbus_server import CLOCK
from tests.bench.report import row

DEVICES, SECONDS, PERIOD_MS = 100, 12.0, 1000
WARM_UP = 2 * DEVICES  # values of the first two seconds: read all at once at the start, and while the link was made
PROFILE = read_profile(
    "clock",
    'protocol = "modbus"\ntitle = "Clock"\nkind = "meter"\n'
    f'[points.current]\nwhere = "holding {CLOCK}"\nformat = "uint32"\n',
)


def plan(port: int, mqtt_port: int, folder: Path, commit_ms: int, together_s: float) -> Site:
    """Devices that tell the time, read once a second."""
    base = site(DEVICES, port, mqtt_port, folder)
    return replace(
        base,
        devices=tuple(replace(device, profile=PROFILE, points=("current",), period_s=1.0) for device in base.devices),
        lines=tuple(replace(line, period_s=1.0) for line in base.lines),
        store=Store(folder / "taiqu.db", commit_ms=commit_ms),
        mqtt=Mqtt(port=mqtt_port, together_s=together_s),
    )


async def run(plan: Site) -> None:
    """The gateway for a while."""
    stop = asyncio.Event()
    running = asyncio.create_task(Gateway(plan, SystemClock()).run(stop))
    await asyncio.sleep(SECONDS)
    stop.set()
    await running


def delays(port: int, mqtt_port: int, commit_ms: int, together_s: float) -> list[int]:
    """Delays of all values in ms, the gateway and the subscriber each in a process of its own."""
    with process("tests.bench.reference.mqtt_lag", str(mqtt_port), "taiqu/v1/bench/data/+") as listener:
        said(listener)
        arguments = [str(port), str(mqtt_port), str(commit_ms), str(together_s)]
        subprocess.run([sys.executable, "-m", "tests.bench.latency", *arguments], check=True)
        assert listener.stdin is not None
        listener.stdin.close()
        heard: list[int] = json.loads(said(listener))
    return heard


def from_the_change(delays: list[int]) -> list[float]:
    """Delays in ms from the change of a register: it may change at any moment of the period before it is read."""
    moments = [PERIOD_MS * (number + 0.5) / 100 for number in range(100)]
    return [moment + delay for delay in delays for moment in moments]


def main() -> None:
    """The product's defaults, and set for speed."""
    from tests.servers import nats_server, started  # pytest comes with it; no part shall pay for that

    raise_file_limit()
    with (
        tempfile.TemporaryDirectory() as folder,
        started(nats_server(Path(folder))) as broker,
        process("tests.bench.reference.modbus_server") as server,
    ):
        port = int(said(server))
        for what, commit_ms, together_s in (("as delivered", 200, 1.0), ("set for speed", 1, 0.0)):
            found = delays(port, broker.port, commit_ms, together_s)[WARM_UP:]
            cuts = quantiles(found, n=100)
            row("latency", f"{what}: read to received, median", cuts[49], "ms")
            row("latency", f"{what}: read to received, p95", cuts[94], "ms")
            changed = quantiles(from_the_change(found), n=100)[94] - quantiles(from_the_change([0]), n=100)[94]
            row("latency", f"{what}: change to received, p95 above ideal", changed, "ms")
            row("latency", f"{what}: values received", len(found), "values")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        raise_file_limit()
        ports, speed = [int(word) for word in sys.argv[1:3]], (int(sys.argv[3]), float(sys.argv[4]))
        with tempfile.TemporaryDirectory() as own:
            uvloop.run(run(plan(ports[0], ports[1], Path(own), *speed)))
    else:
        main()
