"""`taiqu trace` and what it listens to: a real socket, a bus that runs."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.dlt645 import SimulatedMeter
from gateway.cli.trace import trace
from gateway.settings import load
from gateway.south import tap
from gateway.south.tap import TapError, listen, tap_path, why_waiting
from tests.gateway.south.rig import Rig, running
from tests.gateway.south.site import METERS, write_site
from tests.lines import Seat, SimulatedLine

app = typer.Typer()
app.command()(trace)
PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])

REFUSED = {"mqtt": "127.0.0.1:1883: Connection refused"}


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[tuple[Rig, Path]]:
    """A bus of the site's two meters, and the socket."""
    config = write_site(folder, "/dev/null")
    site = load(config)
    meters = [SimulatedMeter(PROFILE, address, {"voltage": 230}) for address in METERS.values()]
    link = SimulatedLine([Seat(meter, delay_s=0.001) for meter in meters], paced=False)
    async with running(link, *site.devices, line=site.lines[0], drivers=driver, polling=False) as rig:
        serving = asyncio.create_task(tap.serve(tap_path(site.store.path), {"rs485-1": rig.bus}, lambda: REFUSED))
        await rig.bus.ask("m1", ("voltage",))
        yield rig, config
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def invoke(*arguments: str) -> Result:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))


async def test_the_last_frames_are_shown_and_explained(tmp_path: Path) -> None:
    async with service(tmp_path) as (_, config):
        result = await invoke("rs485-1", "--config", str(config), "--last")
    assert result.exit_code == 0, result.output
    assert " ->    m1           68 12 00 00 00 00 00 68 11 04" in result.output
    assert " <-    m1           68 12 00 00 00 00 00 68 91 " in result.output
    assert "000000000012" in result.output  # only the explanation has the address as people write it


async def test_a_program_gets_json_lines(tmp_path: Path) -> None:
    async with service(tmp_path) as (_, config):
        result = await invoke("rs485-1", "--config", str(config), "--last", "--json")
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert {row["direction"] for row in rows} == {"out", "in"}
    assert {row["device"] for row in rows} == {"m1"}
    assert all(row["says"] and 1e9 < row["at"] < 1e10 for row in rows)


async def test_frames_are_told_as_they_pass_and_nobody_is_left_behind(tmp_path: Path) -> None:
    async with service(tmp_path) as (rig, config):
        frames = listen(tap_path(load(config).store.path), "rs485-1", follow=True)
        await anext(frames)
        await rig.bus.ask("m2", ("voltage",))
        newest = rig.bus.trace.frames()[-1]
        while abs((await anext(frames)).at - newest.at) > 1e-6:
            assert rig.bus.trace.listeners
        await frames.aclose()  # type: ignore[attr-defined]
        while rig.bus.trace.listeners:
            await rig.bus.ask("m2", ("voltage",))


async def test_a_reader_who_does_not_read_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "MOST_UNREAD", 1000)
    async with service(tmp_path) as (rig, config):
        _, writer = await asyncio.open_unix_connection(tap_path(load(config).store.path), limit=1000)
        writer.write(b'{"line": "rs485-1", "follow": true}\n')
        while not rig.bus.trace.listeners:
            await rig.bus.ask("m2", ("voltage",))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        while rig.bus.trace.listeners:
            await rig.bus.ask("m2", ("voltage",))
        writer.close()


async def test_nonsense_on_the_socket_is_hung_up_on(tmp_path: Path) -> None:
    async with service(tmp_path) as (_, config):
        reader, writer = await asyncio.open_unix_connection(tap_path(load(config).store.path))
        writer.write(b"[1]\n")
        assert await reader.read() == b""
        writer.close()


async def test_a_line_that_the_service_does_not_have_is_said(tmp_path: Path) -> None:
    async with service(tmp_path) as (_, config):
        with pytest.raises(TapError, match="no line 'x'; there is rs485-1"):
            await anext(listen(tap_path(load(config).store.path), "x", follow=False))


async def test_a_socket_that_cannot_be_made_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await tap.serve(tmp_path / "missing" / "trace.sock", {})
    assert "no tracing of lines" in caplog.text


def test_a_service_that_does_not_run_is_exit_status_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rs485-1", "--config", str(write_site(tmp_path, "/dev/null"))])
    assert result.exit_code == 1
    assert "the service does not run" in result.output
    assert "--poll" in result.output


def test_an_unknown_line_is_exit_status_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["x", "--config", str(write_site(tmp_path, "/dev/null"))])
    assert result.exit_code == 2
    assert "there is no line 'x'" in result.output


async def test_why_something_waits_is_told_to_who_asks_on_the_machine_itself(tmp_path: Path) -> None:
    with pytest.raises(TapError, match="the service does not run"):
        await why_waiting(tmp_path / "trace.sock")
    async with service(tmp_path) as (_, config):
        assert await why_waiting(tap_path(load(config).store.path)) == REFUSED
