"""`python -m tests.torture [KILLS]`: what the guarantee promises, under fire, with figures. About ten minutes.

Kills with -9 at random moments of a loaded run, gateway alone and gateway and broker; every fault alone and every pair
of them; and the whole service on a simulated area, killed again and again, by how soon it polls after a start.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from gateway.settings import load
from gateway.simulate.site import lay_out
from tests.area import Area, service
from tests.gateway.north.ordeal import FAULTS, PAIRS, endure
from tests.gateway.north.stage import Toll, kill_and_kill
from tests.servers import Heard, Listener, nats_server, started

KILLS, RESTARTS = 200, 30
MOST_S = 3.0
"""Restart to first poll."""


def main(kills: int) -> int:
    """Exit status 0 when nothing was lost, nothing out of order, no store broken and no restart too slow."""
    chance, good = random.Random(), True
    for both in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            toll = kill_and_kill(Path(folder), kills // 2, both, chance)
        good &= said(f"{kills // 2} kills of the gateway{' and of the broker' if both else ''}", toll)
    for names in [*((name,) for name in FAULTS), *PAIRS]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                toll = endure(Path(folder), names)
            except (PermissionError, TimeoutError) as error:
                print(f"{'none' if isinstance(error, PermissionError) else 'BAD '}  {' + '.join(names)}: {error}")
                good &= isinstance(error, PermissionError)
                continue
        good &= said(" + ".join(names), toll)
    times = restarts(chance)
    worst, median = max(times), statistics.median(times)
    print(f"restart to first poll, {len(times)} kills of the whole service: worst {worst:.2f} s, median {median:.2f} s")
    return int(not good or worst > MOST_S)


def said(name: str, toll: Toll) -> bool:
    """Print one line; whether it is good."""
    whole = toll.lost == toll.incidents_lost == toll.counted == 0 and toll.in_order and toll.sound
    print(f"{'good' if whole else 'BAD '}  {name}: {toll}", flush=True)
    return whole


def restarts(chance: random.Random) -> list[float]:
    """Seconds from the start of a killed service's process to its first poll."""
    with tempfile.TemporaryDirectory() as folder:
        broker = nats_server(Path(folder))
        config = lay_out(Path(folder) / "site", mqtt_port=broker.port)
        gateway, times = service(config), list[float]()
        with started(broker), Area(load(config)), closing(Listener(broker.port)) as listener:
            for _ in range(RESTARTS + 1):
                begun = time.time()
                gateway.start()
                listener.until(lambda heard: any(at > begun for at in polls(heard)))  # noqa: B023
                times.append(min(at for at in polls(listener.heard) if at > begun) - begun)
                time.sleep(chance.uniform(0, 2))
                gateway.kill()
        return times[1:]


def polls(heard: list[Heard]) -> Iterable[float]:
    """When observations were made."""
    for message in heard:
        if "/data/" in message.topic or "/hist/" in message.topic:
            yield from (row["at"] for row in message.data["observations"])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS))
