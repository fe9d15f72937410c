"""Maintenance from afar: the settings in force without secrets, and what waits in the store and why."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.app import Gateway
from gateway.clock import SystemClock
from gateway.pipeline import observed
from gateway.settings import load
from gateway.settings.models import Influx, Mqtt
from gateway.simulate.site import lay_out
from tests.gateway.north.site import observation


async def asked(gateway: Gateway, verb: str, **arguments: object) -> Any:
    answer: Mapping[str, Any] = json.loads(
        await gateway.commands.answer(verb, json.dumps({"id": f"{verb} {arguments}", **arguments}).encode())
    )
    assert answer["ok"], answer
    return answer["result"]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Gateway]:
    """A gateway with both sinks and their secrets, of which only the store runs."""
    config = lay_out(folder / "site")
    (config.parent / "broker.password").write_text("hunter2")
    (config.parent / "influx.token").write_text("tok3n")
    site = load(config)
    gateway = Gateway(
        replace(
            site,
            mqtt=Mqtt(username="gw", password_file=str(config.parent / "broker.password")),
            influx=Influx("http://gw:hunter2@127.0.0.1:8086", token_file=str(config.parent / "influx.token")),
        ),
        SystemClock(),
    )
    writing = asyncio.create_task(gateway.store.run())
    yield gateway
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await gateway.store.close()


async def test_the_settings_in_force_are_told_without_secrets(tmp_path: Path) -> None:
    async with opened(tmp_path) as gateway:
        told = await asked(gateway, "configuration")
        device = await asked(gateway, "configuration", device=gateway.site.devices[0].id)
    assert told["configuration"] == gateway.site.fingerprint
    assert told["devices"] == len(gateway.site.devices)
    assert [line["id"] for line in told["lines"]] == [line.id for line in gateway.site.lines]
    assert told["store"]["commit_ms"] == 200
    assert told["thresholds"]["outage"]
    assert (told["mqtt"]["username"], told["influx"]["url"]) == ("gw", "http://***@127.0.0.1:8086")
    assert "hunter2" not in json.dumps(told)
    assert "tok3n" not in json.dumps(told)
    assert (device["profile"], device["address"]) == (
        gateway.site.devices[0].profile.name, gateway.site.devices[0].address,
    )  # fmt: skip


async def test_what_waits_is_told_with_since_when_and_why(tmp_path: Path) -> None:
    async with opened(tmp_path) as gateway:
        gateway.store.put([observed(observation(number, at=1.8e9)) for number in range(3)])
        await gateway.store._commit()
        told = await asked(gateway, "store")
    assert {"for": "mqtt", "stream": "live", "rows": 3, "since": 1.8e9, "why": "not tried yet"} in told["waiting"]
    assert {row["for"] for row in told["waiting"]} == {"mqtt", "influx"}
    assert (told["lost"], told["trouble"]) == (0, "")
