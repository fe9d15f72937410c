"""Single simulated meters that any master reads: over TCP, on a pseudo terminal, with good manners and bad ones."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.dlt645.explain import explain
from drivers.dlt645.frame import Frame, encode
from drivers.profile import product_profiles, read_profile
from gateway.cli.main import app
from gateway.clock import SystemClock
from gateway.simulate.single import Bench, served

ADDRESSES = ("202611000042", "202611000043")
PROFILE = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])
BENCH = Bench(PROFILE, ADDRESSES, {"voltage_a": 231.2}, "tcp://127.0.0.1:0", delay_s=0.0)
ASKED = encode(Frame(ADDRESSES[1], 0x11, bytes.fromhex("00010102")))


async def answer(port: str, request: bytes = ASKED, size: int = 1) -> bytes:
    """What a master hears, at least so many bytes."""
    host, _, number = port.removeprefix("tcp://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(number))
    writer.write(request)
    heard = await asyncio.wait_for(reader.readexactly(size), 5)
    writer.close()
    return heard + await reader.read(4096)


async def test_a_master_reads_them_over_tcp() -> None:
    async with served(BENCH, SystemClock()) as port:
        [frame] = explain(await answer(port, size=18))
    assert frame.summary == f"meter {ADDRESSES[1]} answers read 02010100 (voltage, phase A) = 231.2 V"


async def test_bad_manners_show() -> None:
    async with served(replace(BENCH, manners={"twice": 1.0}), SystemClock()) as port:
        assert len(explain(await answer(port, size=36))) == 2


async def test_they_tell_the_time() -> None:
    async with served(BENCH, SystemClock()) as port:
        clock = encode(Frame(ADDRESSES[0], 0x11, bytes.fromhex("0C010004")))
        [frame] = explain(await answer(port, clock, size=23))
    assert frame.fields["values"] != [None]


async def test_the_pseudo_terminal_is_found_by_a_path(tmp_path: Path) -> None:
    link = tmp_path / "meter"
    link.symlink_to("/nowhere")  # of a run that was killed
    async with served(replace(BENCH, port=str(link)), SystemClock()) as port:
        assert port == str(link)
        assert link.resolve().is_char_device()
    assert not link.is_symlink()


WRONG = {
    "an address that is too short": (["--meter", "42"], "has 2 of twelve digits"),
    "a profile that does not exist": (["--meter", ADDRESSES[0], "--profile", "none"], "there is no profile 'none'"),
    "a point it does not have": (["--meter", ADDRESSES[0], "--holds", "colour=1"], "no point 'colour'"),
    "a value that is no number": (["--meter", ADDRESSES[0], "--holds", "voltage_a=x"], "a number behind ="),
    "a manner nobody has": (["--meter", ADDRESSES[0], "--manner", "rude=1"], "there is no manner rude"),
    "a port that is none": (["--meter", ADDRESSES[0], "--port", "tcp://x"], "is no port"),
    "an edition that is none": (["--meter", ADDRESSES[0], "--edition", "1990"], "1990"),
}


@pytest.mark.parametrize(("words", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_question_is_answered_with_what_would_be_right(words: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["simulate", *words])
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.output
