"""Fuzzing of everything that bytes from a line reach. `make fuzz` runs it as long as one likes; the tests a little.

Run as `python -m tests.drivers.dlt645.fuzz [CORPUS_FOLDER] [libFuzzer's options]`; it wants PyPI's atheris.
"""

import json
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from drivers.dlt645.driver import Dlt645
from drivers.dlt645.explain import explain
from drivers.dlt645.frame import Frame, FrameBuffer, encode, frames
from drivers.dlt645.load import read_blocks
from drivers.errors import DriverError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from tests.drivers.fuzzing import fuzz

PROFILE = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])
ADDRESS = "000000000042"
PASSWORD = bytes.fromhex("0200000000000000")  # level, password, operator: as meters are delivered
CORPUS = [bytes.fromhex(row["frame"]) for row in json.loads(Path(__file__).with_name("vectors.json").read_text())]


def one_input(data: bytes) -> None:
    """Whatever the bytes: good frames come out whole and in order, and nothing but a DriverError is raised."""
    found = [frame for _, frame in frames(data)]
    assert all(first < second for (first, _), (second, _) in pairwise(frames(data)))
    for frame in found:
        assert encode(frame) in data
    buffer, streamed = FrameBuffer(), []
    for start in range(0, len(data), 7):
        buffer.feed(data[start : start + 7])
        while heard := buffer.next_frame():
            streamed.append(heard)
    assert streamed == found[: len(streamed)]
    explain(data)
    _as_an_answer(data)
    SimulatedMeter(PROFILE, ADDRESS).answer(data)
    SimulatedMeter(PROFILE, ADDRESS).answer(encode(Frame(ADDRESS, data[0] & 0x1F if data else 0x11, data[1:250])))
    _as_commands(data[:200])


def _as_commands(data: bytes) -> None:
    """The bytes behind the right password, written to a meter that lives on with them."""
    meter = SimulatedMeter(PROFILE, ADDRESS)
    meter.set("clock", "2026-11-22T08:59:50")
    for function, content in ((0x14, data[:4] + PASSWORD + data[4:]), (0x1B, PASSWORD + data), (0x1C, PASSWORD + data)):
        meter.answer(encode(Frame(ADDRESS, function, content)))
    meter.set("clock", "2026-11-22T09:01:00")
    meter.answer(encode(Frame(ADDRESS, 0x11, data[:4])))


def _as_an_answer(data: bytes) -> None:
    """The bytes as the line's answer, and as the data of a good frame that answers."""
    with suppress(DriverError):
        read_blocks(data)
    talk = Dlt645().converse(PROFILE, ADDRESS, list(PROFILE.points))
    for _ in range(20):
        request = talk.next_request()
        if request is None:
            break
        [(_, asked)] = frames(request)
        control = asked.control | 0x80 | (data[0] & 0x60 if data else 0)
        for heard in (data, encode(Frame(ADDRESS, control, (asked.data + data[1:])[:255]))):
            try:
                if talk.feed(heard) is not None:
                    break
            except DriverError:
                break
        talk.give_up()


if __name__ == "__main__":
    fuzz(one_input, CORPUS)
