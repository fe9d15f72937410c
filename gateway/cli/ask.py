"""`taiqu ask`: asks a running gateway over MQTT and prints its answer."""

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gateway.cli.options import Config, Json

if TYPE_CHECKING:
    from gateway.north.session import Session
    from gateway.settings.models import Mqtt

STATE_S = 5.0
"""How long the broker may take to hand out the gateway's state, which it retains."""


def ask(
    verb: Annotated[str, typer.Argument(help="What is asked for; without one the verbs are listed.")] = "",
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...")] = None,
    config: Config = Path("config/gateway.toml"),
    gateway: Annotated[str, typer.Option(help="Another gateway on the same broker.")] = "",
    operator: Annotated[str, typer.Option(help="Sign it as this operator.")] = "",
    key: Annotated[Path | None, typer.Option(help="His key, as `taiqu key` made it.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds without a word until nobody answers.")] = 90.0,
    as_json: Json = False,
) -> None:
    """Ask a running gateway for something, over the broker of its configuration, and print the answer.

    NAME:=VALUE is JSON. A time is 2026-06-01T14:00:00+08:00, or +2h from now.

    Example: taiqu ask silence node=B2 until=+2h by=li reason="new cable"

    Exit status 1 when the gateway refuses, or does not answer; 2 when there is no such verb or argument.
    """
    from gateway.cli.arguments import ArgumentError, arguments_of
    from gateway.north.keys import KeyFileError
    from gateway.north.session import BrokerError
    from gateway.settings import SettingsError, address
    from gateway.verbs.vocabulary import VOCABULARY

    if not verb:
        _list()
        return
    if verb not in VOCABULARY:
        _end(f"there is no verb {verb!r}; there are {', '.join(sorted(VOCABULARY))}", 2)
    try:
        there, given = address(config), arguments_of(arguments or ())
        if strange := VOCABULARY[verb].strange(given.keys() - {"expires"}):
            _end(strange, 2)
        if missing := [name for name in VOCABULARY[verb].needs if name not in given]:
            _end(f"{verb} needs {', '.join(f'{name}=...' for name in missing)}", 2)
        if there.mqtt is None:
            _end(f"{config}: there is no [mqtt] table, so there is no broker to ask over", 2)
        whose, name = gateway or there.gateway.id, uuid.uuid4().hex
        payload = _payload(whose, verb, name, given, operator, key)
        answer = asyncio.run(_ask(there.mqtt, whose, verb, name, payload, timeout))
    except (SettingsError, ArgumentError, KeyFileError) as error:
        _end(str(error), 2)
    except (BrokerError, OSError, ValueError) as error:
        _end(f"mqtt: {error}", 1)
    _show(answer, as_json)


def _list() -> None:
    from gateway.verbs.vocabulary import VOCABULARY

    for verb in VOCABULARY.values():
        words = [*(f"{name}=" for name in verb.needs), *(f"[{name}=]" for name in verb.takes)]
        typer.echo(f"{' '.join((verb.name, *words))}\n    {verb.does}")


def _payload(gateway: str, verb: str, name: str, given: Mapping[str, object], operator: str, key: Path | None) -> bytes:
    """The request, signed where somebody wants to sign. Raises KeyFileError."""
    import orjson

    from gateway.clock import SystemClock
    from gateway.north.keys import read_key
    from gateway.north.signature import request_of, sign

    if not operator and key is None:
        return orjson.dumps({**given, "id": name})
    if not operator or key is None:
        _end("a signature needs both --operator NAME and --key FILE", 2)
    return sign(read_key(str(key)), operator, request_of(gateway, verb, name, SystemClock().wall(), given))


async def _ask(
    settings: "Mqtt", gateway: str, verb: str, name: str, payload: bytes, patience_s: float
) -> Mapping[str, Any]:
    """The answer. Raises BrokerError, also when nobody answers."""
    import orjson

    from gateway.north.messages import Message, level
    from gateway.north.session import BrokerError, Heard, Session

    root = f"{settings.root}/v1/{level(gateway)}/"
    words: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

    def hear(heard: Heard) -> None:
        try:
            said = orjson.loads(heard.payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(said, dict):
            return  # somebody else's
        if "state" in said or said.get("id") in (name, None):  # what could not be read has no id
            words.put_nowait(said)

    session = Session(settings, f"taiqu-ask-{name[:12]}")
    session.heard = hear
    try:
        await session.open()
        for topic in ("state", f"rsp/{verb}"):
            if not await session.subscribe(root + topic):
                raise BrokerError(f"{session.broker} does not allow to listen to {root}{topic}")
        session.publish(Message(f"{root}cmd/{verb}", payload))
        return await _answer(words, session, gateway, patience_s)
    finally:
        await session.close()


async def _answer(
    words: "asyncio.Queue[Mapping[str, Any]]", session: "Session", gateway: str, patience_s: float
) -> Mapping[str, Any]:
    """The answer among all that is said: the gateway's state comes first, and progress between. Raises BrokerError."""
    import orjson

    from gateway.north.session import BrokerError

    there = False
    try:
        while True:
            said = await _word(words, session, patience_s if there else min(STATE_S, patience_s))
            if "progress" in said:
                typer.echo(f"{said['verb']}: {orjson.dumps(said['progress']).decode()}", err=True)
            elif "state" not in said:
                return said
            elif not (there := said["state"] == "online"):
                raise BrokerError(f"{gateway} is {said['state']}, and does not answer at {session.broker}")
    except TimeoutError:
        known = "it is online" if there else "it never ran there, or is named otherwise"
        raise BrokerError(f"{gateway} does not answer at {session.broker}; {known}") from None


async def _word(words: "asyncio.Queue[Mapping[str, Any]]", session: "Session", patience_s: float) -> Mapping[str, Any]:
    """The next thing that is said to us. Raises TimeoutError, BrokerError."""
    from gateway.north.session import BrokerError

    word = asyncio.ensure_future(words.get())
    await asyncio.wait((word, session.gone), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
    if word.done():
        return word.result()
    word.cancel()
    if session.gone.done():
        raise BrokerError(session.gone.result())
    raise TimeoutError


def _show(answer: Mapping[str, Any], as_json: bool) -> None:
    import orjson

    if as_json:
        typer.echo(orjson.dumps(answer).decode())
    elif answer["ok"]:
        typer.echo(orjson.dumps(answer["result"], option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(answer["error"], err=True)
    if not answer["ok"]:
        raise typer.Exit(1)


def _end(says: str, status: int) -> NoReturn:
    typer.echo(says, err=True)
    raise typer.Exit(status)
