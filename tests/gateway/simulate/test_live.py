"""The demo's area on real pseudo terminals and a real socket, read by the drivers themselves."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drivers.api import Value
from drivers.registry import driver
from gateway.clock import SystemClock
from gateway.settings import load
from gateway.settings.models import Device, Site
from gateway.simulate.fault import Fault
from gateway.simulate.live import LiveArea
from gateway.simulate.site import lay_out

PATIENCE_S = 5.0
EVENING = 1_760_012_885.0


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[LiveArea, Site]]:
    site = load(lay_out(folder))
    area = LiveArea(site, SystemClock(), day=EVENING)
    await area.open()
    try:
        yield area, site
    finally:
        await area.close()


def row(site: Site, name: str) -> Device:
    return next(device for device in site.devices if device.id == name)


async def read(site: Site, name: str, patience: float = PATIENCE_S) -> dict[str, Value]:
    """One poll of one device over its port. Raises TimeoutError when it is silent."""
    device = row(site, name)
    port = next(line.port for line in site.lines if line.id == device.line)
    talk = driver(device.driver).converse(device.profile, device.address, device.points)
    values: dict[str, Value] = {}
    if port.startswith("/"):
        master = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        reader, pipe = await _attached(master)
    else:
        reader, writer = await asyncio.open_connection(urlsplit(port).hostname, urlsplit(port).port)
    try:
        async with asyncio.timeout(patience):
            while (request := talk.next_request()) is not None:
                if port.startswith("/"):
                    os.write(master, request)
                else:
                    writer.write(request)
                while (readings := talk.feed(await reader.read(256))) is None:
                    pass
                values |= {reading.point: reading.value for reading in readings}
    finally:
        pipe.close() if port.startswith("/") else writer.close()
    return values


async def _attached(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader, transport


async def test_every_kind_of_device_is_read_on_its_line(tmp_path: Path) -> None:
    async with running(tmp_path) as (area, site):
        shown = area.step().values
        for name in ("M01A", "M07X", "LTU-F1", "TTU-T1"):
            values = await read(site, name)
            assert set(values) == set(row(site, name).points)
            voltage = next(iter(values))
            assert float(values[voltage] or 0) == pytest.approx(shown[name][voltage], rel=0.01)


async def test_a_fault_reaches_the_devices_and_leaves_them_again(tmp_path: Path) -> None:
    async with running(tmp_path) as (area, site):
        area.faults = [Fault("fuse_blown", "F1", "B")]
        area.step()
        with pytest.raises(TimeoutError):
            await read(site, "M01B", patience=0.3)
        assert float((await read(site, "M04X"))["voltage_b"] or 0) < 1
        assert float((await read(site, "M01A"))["voltage"] or 0) > 200
        area.faults = []
        area.step()
        assert float((await read(site, "M01B"))["voltage"] or 0) > 200


async def test_ports_vanish_with_the_area(tmp_path: Path) -> None:
    async with running(tmp_path):
        assert (tmp_path / "ports" / "rs485-1").is_symlink()
    assert not (tmp_path / "ports" / "rs485-1").is_symlink()


async def test_a_real_port_is_never_taken(tmp_path: Path) -> None:
    site = load(lay_out(tmp_path))
    (tmp_path / "ports").mkdir()
    (tmp_path / "ports" / "rs485-2").write_text("somebody's own")
    area = LiveArea(site, SystemClock())
    with pytest.raises(ValueError, match=r"line rs485-2: .* is a real port"):
        await area.open()
    await area.close()
    assert (tmp_path / "ports" / "rs485-2").read_text() == "somebody's own"


def test_the_demo_site_is_laid_out_once_and_kept(tmp_path: Path) -> None:
    lay_out(tmp_path, mqtt_port=1234)
    before = (tmp_path / "gateway.toml").read_text()
    lay_out(tmp_path, mqtt_port=4321)
    assert (tmp_path / "gateway.toml").read_text() == before
