"""Modbus TCP: device polls a second and what one costs, beside a plain loop of pymodbus, paho and orjson.

Devices of 40 registers behind one connection each, polled as fast as they answer; QoS 1 to nats-server; a subscriber
counts what arrives. `bare` is the product's lines, drivers and observations without rules and store; `whole` is the
product's own gateway, everything on. Each part runs in a process of its own on the first core;
the devices, the broker and the subscriber share the others, if there are any. CPU seconds are the part's alone.
The product brings uvloop along and runs on it. The reference is a plain loop on asyncio's own; the same on uvloop
stands beside it, so that one can see what of the difference is the loop's.
The reference publishes a message for each poll, as one would write it; the product puts many into one.
At the end: what one dead device of ten costs the other nine behind the same endpoint.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.bench.parts import ENDPOINTS, REFERENCES, Figures
from tests.bench.processes import leave_first_core, process, raise_file_limit, said
from tests.bench.report import row

DEVICES = (1, 10, 100, 1000)
SECONDS = 4.0
TOPICS = {**dict.fromkeys(REFERENCES, "bench/data/#"), "bare": "bench/v1/data", "whole": "taiqu/v1/bench/+/+"}


def arrived(counter: subprocess.Popen[str], wanted: float) -> int:
    """How many observations the subscriber has, given time to get them all."""
    assert counter.stdin is not None
    count = -1
    for _ in range(200):
        counter.stdin.write("\n")
        counter.stdin.flush()
        count = int(said(counter))
        if count >= wanted:
            break
        time.sleep(0.05)
    return count


def run_part(name: str, devices: int, port: int, mqtt_port: int, core: int) -> Figures:
    """One part in a process of its own on a core, with a subscriber."""
    command = [sys.executable, "-m", "tests.bench.parts", *map(str, (name, devices, port, mqtt_port, SECONDS))]
    mark = '"values"'  # every observation has one
    with process("tests.bench.reference.mqtt_count", str(mqtt_port), TOPICS.get(name, "none"), mark) as counter:
        said(counter)
        keep = partial(os.sched_setaffinity, 0, [core])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=keep)
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        if "total" in figures:
            figures["arrived"] = arrived(counter, figures["total"])
    return figures


def main() -> None:
    """All parts for every number of devices."""
    from tests.servers import nats_server, started  # pytest comes with it; no part shall pay for that

    raise_file_limit()
    core = leave_first_core()
    with (
        tempfile.TemporaryDirectory() as folder,
        started(nats_server(Path(folder))) as broker,
        process("tests.bench.reference.modbus_server") as server,
    ):
        port = int(said(server))
        for devices in DEVICES:
            reference: Figures = {}
            for name in (*REFERENCES, "bare", "whole"):
                figures = run_part(name, devices, port, broker.port, core)
                reference = reference or figures
                tell(f"{name}, {devices} devices", figures, reference)
        ten, nine = (run_part(name, 10, port, broker.port, core) for name in ENDPOINTS)
        row("modbus_tcp", "one endpoint, ten devices: polls of nine", ten["polls"] / ten["wall"], "polls/s")
        left = nine["polls"] / nine["wall"]
        row("modbus_tcp", "one endpoint, the tenth dead: polls of nine", left, "polls/s", ten["polls"] / ten["wall"])


def tell(what: str, figures: Figures, reference: Figures) -> None:
    """The figures of one part as rows, beside the reference unless it is that."""
    rate, cost = figures["polls"] / figures["wall"], 1000 * figures["cpu"] / figures["polls"]
    other = other_cost = other_rss = None
    if figures is not reference:
        other, other_cost = reference["polls"] / reference["wall"], 1000 * reference["cpu"] / reference["polls"]
        other_rss = reference["rss"]
    row("modbus_tcp", f"{what}: polls", rate, "polls/s", other)
    row("modbus_tcp", f"{what}: polls, one core", 1000 / cost, "polls/CPU-s", other_cost and 1000 / other_cost)
    row("modbus_tcp", f"{what}: CPU", cost, "s/1000 polls", other_cost, other_cost and other_cost / cost)
    row("modbus_tcp", f"{what}: RSS", figures["rss"], "MB", other_rss, other_rss and other_rss / figures["rss"])
    if "arrived" in figures:
        row("modbus_tcp", f"{what}: delivered of read", figures["arrived"] / figures["total"], "share")


if __name__ == "__main__":
    main()
