"""The page of figures: what Prometheus reads is what the gateway counts."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.app import Gateway
from gateway.clock import SystemClock
from gateway.north.exposition import text
from gateway.north.prometheus import MetricsPage
from gateway.settings import load
from gateway.settings.models import Influx, Mqtt
from gateway.simulate.site import lay_out
from gateway.south.report import Counts, DeviceReport, LineReport
from gateway.store import Figures


def figures() -> dict[str, Any]:
    device = DeviceReport('M"1"', Counts(polls=7, good=6, timeouts=1), 80.0, False, 2.5, (), ())
    line = LineReport("rs485-1", True, "", 10.0, 5.0, 0.5, 2, 3, 0, 1, (device,))
    waiting = {"mqtt": {"event": 0, "live": 12, "backfill": 0}}
    store = Figures(waiting, 0, 40, 0.25, 123456, {"event": 0, "live": 5, "backfill": 0}, 0, 1, "disk is full")
    sinks = {
        "mqtt": {"connected": True, "says": "", "sent": 99, "certificates": {"client": 1_800_000_000.0}},
        "influx": None,
    }
    own = {"observations": 7, "incidents": 1, "backfill": {"waiting": 3, "filled": 8}}
    return {**own, "lines": [asdict(line)], "store": asdict(store), **sinks}


@pytest.mark.parametrize(
    "line",
    [
        "taiqu_observations_total 7",
        "# TYPE taiqu_observations_total counter",
        'taiqu_line_utilisation{line="rs485-1"} 0.5',
        'taiqu_line_late_bytes_total{line="rs485-1"} 3',
        'taiqu_line_late_answers_total{line="rs485-1"} 0',
        'taiqu_device_late_total{line="rs485-1",device="M\\"1\\""} 0',
        'taiqu_device_timeouts_total{line="rs485-1",device="M\\"1\\""} 1',
        'taiqu_store_waiting_rows{sink="mqtt",stream="live"} 12',
        'taiqu_store_shed_rows_total{stream="live"} 5',
        "taiqu_store_trouble 1",
        "taiqu_backfill_waiting 3",
        "taiqu_backfill_filled_total 8",
        "taiqu_mqtt_connected 1",
        "taiqu_mqtt_sent_total 99",
        'taiqu_mqtt_certificate_end_seconds{of="client"} 1800000000',
    ],
)
def test_a_figure_is_on_the_page(line: str) -> None:
    assert line in text(figures()).splitlines()


NO_FIGURES = {"at", "seq"}
"""Keys of the metrics that hold a time or a number of a record: on the page under a name, or not at all."""


def numbered(tree: Any, numbers: Iterator[int], kept: list[int]) -> Any:
    """The same tree, every number in it another one; texts that tell a trouble stay."""
    if isinstance(tree, dict):
        return {key: numbered(value, numbers, kept) for key, value in tree.items() if key not in NO_FIGURES}
    if isinstance(tree, list):
        return [numbered(value, numbers, kept) for value in tree]
    if isinstance(tree, int | float) or tree is None:
        kept.append(next(numbers))
        return kept[-1]
    return tree


def test_every_number_of_the_metrics_is_on_the_page_with_all_its_digits(tmp_path: Path) -> None:
    site = load(lay_out(tmp_path / "site"))
    gateway = Gateway(replace(site, mqtt=Mqtt(), influx=Influx(database="a")), SystemClock())
    kept: list[int] = []
    counted = {key: value for key, value in gateway.figures().items() if value is not None}
    told = numbered(orjson.loads(orjson.dumps(counted)), itertools.count(1_234_567_001, 1000), kept)
    said = {float(line.rpartition(" ")[2]) for line in text(told).splitlines() if not line.startswith("#")}
    assert [number for number in kept if not {float(number), number * 0.001} & said] == []


def test_a_sink_that_is_not_configured_has_no_figures() -> None:
    assert "influx" not in text(figures())


async def asked(page: MetricsPage, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_the_page_is_served_and_nothing_else_is() -> None:
    page = MetricsPage("127.0.0.1", 0, figures)
    serving = asyncio.create_task(page.run())
    await page.serving.wait()
    assert b"taiqu_incidents 1" in await asked(page, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await asked(page, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404")
    assert (await asked(page, b"POST /metrics HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404")
    assert await asked(page, b"x" * 20_000 + b"\r\n\r\n") == b""
    serving.cancel()


async def test_a_port_that_is_taken_is_said(caplog: pytest.LogCaptureFixture) -> None:
    first = MetricsPage("127.0.0.1", 0, figures)
    serving = asyncio.create_task(first.run())
    await first.serving.wait()
    await MetricsPage("127.0.0.1", first.port, figures).run()
    assert "the page is not served" in caplog.text
    serving.cancel()
