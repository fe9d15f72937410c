"""Strangers at both ends: our polls before the server of PyPI's dlt645 3.2.0, its client before our simulated meter.

The known faults of its server, which these tests keep clear of: its address is given in the order of the wire; it
answers foreign addresses with an error and echoes with an answer; full wildcards are answered with wildcards; it knows
no block and no clock in one piece (both are refused, which is what proves our way around a refusal); FFFF is not
'no value' to it.
"""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.api import Conversation, Value
from drivers.dlt645.driver import Dlt645
from drivers.errors import RefusedError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter

ADDRESS = "123456789012"
PROFILE = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[socket.socket]:
    script = Path(__file__).with_name("peer_meter.py")
    command = [sys.executable, str(script)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=tmp_path_factory.mktemp("peer")) as process:
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith("port "), f"the peer did not start: {first!r}"
        with socket.create_connection(("127.0.0.1", int(first.split()[1])), timeout=5) as line:
            yield line
        assert process.stdin
        process.stdin.close()


def carry(talk: Conversation, line: socket.socket) -> tuple[dict[str, Value], list[str]]:
    readings: dict[str, Value] = {}
    refused = []
    while (request := talk.next_request()) is not None:
        line.sendall(request)
        try:
            while (answer := talk.feed(line.recv(1000))) is None:
                continue
            readings |= {reading.point: reading.value for reading in answer}
        except RefusedError as error:
            refused.append(error.where)
    return readings, refused


def test_single_items_are_read(meter: socket.socket) -> None:
    points = ["energy_import", "energy_export", "active_power", "current_a", "power_factor", "frequency", "relay_open"]
    readings, refused = carry(Dlt645().converse(PROFILE, ADDRESS, points), meter)
    assert readings == {
        "energy_import": Decimal("1234.56"),
        "energy_export": Decimal("0.07"),
        "active_power": Decimal("-3.3333"),
        "current_a": Decimal("-12.345"),
        "power_factor": Decimal("0.501"),
        "frequency": Decimal("49.98"),
        "relay_open": 1,
    }
    assert refused == []


def test_a_block_it_refuses_is_read_item_by_item(meter: socket.socket) -> None:
    points = ["voltage_a", "voltage_b", "voltage_c"]
    readings, refused = carry(Dlt645().converse(PROFILE, ADDRESS, points), meter)
    assert refused == ["0201FF00"]
    assert readings == {"voltage_a": Decimal("230.5"), "voltage_b": Decimal("229.8"), "voltage_c": Decimal("0.0")}


def test_every_point_of_the_profile_is_answered_or_refused(meter: socket.socket) -> None:
    readings, refused = carry(Dlt645().converse(PROFILE, ADDRESS, list(PROFILE.points)), meter)
    assert readings.keys() == PROFILE.points.keys()
    again, _ = carry(Dlt645().converse(PROFILE, ADDRESS, list(PROFILE.points), frozenset(refused)), meter)
    assert again.keys() == readings.keys()


def test_a_strange_master_reads_our_simulated_meter() -> None:
    held: dict[str, Value] = {
        "energy_import": 1234.56,
        "voltage_a": 230.5,
        "current_a": -12.345,
        "active_power": -3.3333,
    }
    meter = SimulatedMeter(PROFILE, ADDRESS, {**held, "frequency": 49.98})
    with on_tcp(meter) as port:
        script = Path(__file__).with_name("peer_master.py")
        command = [sys.executable, str(script), str(port)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert json.loads(said) == {**held, "frequency": 49.98, "not_held": None}


@contextmanager
def on_tcp(meter: SimulatedMeter) -> Iterator[int]:
    """One connection to a meter, served by a thread; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                while heard := line.recv(1000):
                    line.sendall(meter.answer(heard))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()
