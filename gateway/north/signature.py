"""Signed requests: who asks is proved by a key, what is asked cannot be changed, and nothing is obeyed twice.

A signed request is an envelope around the request's own text:

    {"operator": "li", "request": "{\"gateway\": ..., \"verb\": ..., \"id\": ..., \"issued\": ...}", "signature": "..."}

The signature covers the name of the operator and the text's bytes as they are, so nobody has to write JSON in one way
only. The text says for which gateway and which verb it is meant and when it was issued; with another gateway, under
another verb, or much later it is nothing.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.clock import Clock, iso
from gateway.north.commands import Asked
from gateway.north.keys import Key, KeyFileError, read_key
from gateway.settings.models import CommandSettings, Operator
from gateway.verbs import VOCABULARY, Changes, RefusedRequestError
from gateway.verbs.request import json_object

log = logging.getLogger(__name__)

ENVELOPE = ("operator", "request", "signature")

SEEN = "signed/"
"""Ids of signed requests are kept in the store under this, their operator and themselves, with the time of issue."""

FLOOR = "signed-until"
"""The latest issue of a request that is forgotten, by operator: nothing issued before is ever obeyed."""

MOST_SEEN = 1000
"""Ids kept of an operator's requests."""


def message(operator: str, text: str) -> bytes:
    """What is signed."""
    return f"taiqu-request-1\n{operator}\n{text}".encode()


def request_of(
    gateway: str, verb: str, name: str, issued: float, arguments: Mapping[str, object]
) -> Mapping[str, object]:
    """A request as it is signed: `name` is its id, `issued` epoch seconds."""
    return {**arguments, "gateway": gateway, "verb": verb, "id": name, "issued": round(issued, 3)}


def sign(key: Key, operator: str, request: Mapping[str, object]) -> bytes:
    """A request in its envelope, ready to be published. Raises KeyFileError."""
    text = orjson.dumps(request).decode()
    return orjson.dumps({"operator": operator, "request": text, "signature": key.sign(message(operator, text))})


class Seen:
    """Which signed requests came before. No clock can be turned back so far that one is obeyed again."""

    def __init__(self, saved: Mapping[str, object], keep: Callable[[Mapping[str, object | None]], None]) -> None:
        self._keep = keep
        self._issued: dict[str, dict[str, float]] = {}  # by operator and id
        floors = saved.get(FLOOR)
        self._floor: dict[str, float] = dict(floors) if isinstance(floors, dict) else {}
        for key, issued in saved.items():
            if key.startswith(SEEN) and isinstance(issued, int | float):
                operator, _, request = key.removeprefix(SEEN).partition("/")
                self._issued.setdefault(operator, {})[request] = float(issued)

    def floor(self, operator: str) -> float:
        """Nothing that was issued up to then is known any more."""
        return self._floor.get(operator, 0.0)

    def before(self, operator: str, request: str) -> bool:
        """Whether this request came before."""
        return request in self._issued.get(operator, {})

    def note(self, operator: str, request: str, issued: float, stale: float) -> None:
        """Remember a request; those issued before `stale` may be forgotten, and are never obeyed again."""
        known = self._issued.setdefault(operator, {})
        known[request] = issued
        items: dict[str, object | None] = {f"{SEEN}{operator}/{request}": issued}
        surplus = max(0, len(known) - MOST_SEEN)
        for place, (old, at) in enumerate(sorted(known.items(), key=lambda row: row[1])):
            if at >= stale and place >= surplus:
                break
            del known[old]
            items[f"{SEEN}{operator}/{old}"] = None
            self._floor[operator] = max(self.floor(operator), at)
            items[FLOOR] = self._floor
        self._keep(items)


class Signatures:
    """Finds out who asks: a `Check` of the commands."""

    def __init__(self, gateway: str, settings: CommandSettings, clock: Clock, seen: Seen) -> None:
        """A key that cannot be used is said; its operator is refused, and everybody else is not."""
        self._gateway, self._settings, self._clock, self._seen = gateway, settings, clock, seen
        self._operators = {operator.name: operator for operator in settings.operator}
        self._keys: dict[str, Key] = {}
        for operator in settings.operator:
            try:
                self._keys[operator.name] = read_key(operator.key_file)
            except KeyFileError as error:
                log.error("operator %s is refused: %s", operator.name, error)

    def check(self, verb: str, body: Mapping[str, Any]) -> Asked:
        """Who asks, and for what. Raises RefusedRequestError."""
        if "signature" not in body:
            if self._settings.signed == "all" or VOCABULARY[verb].changes is Changes.METER:
                raise RefusedRequestError(f"'{verb}' has to be signed by an operator: --operator NAME --key FILE")
            return Asked(body)
        operator, text = self._authentic(body)
        request = json_object(text, "what was signed")
        self._meant(verb, request, operator)
        return self._fresh(request, operator.name)

    def _authentic(self, body: Mapping[str, Any]) -> tuple[Operator, str]:
        if set(body) != set(ENVELOPE) or not all(isinstance(body[name], str) for name in ENVELOPE):
            raise RefusedRequestError(
                "a signed request has the texts operator, request and signature, and nothing else"
            )
        name, text = body["operator"], body["request"]
        key = self._keys.get(name)
        if key is None or not key.signed(message(name, text), body["signature"]):
            raise RefusedRequestError("the signature is not of an operator of this gateway")
        return self._operators[name], text

    def _meant(self, verb: str, request: Mapping[str, Any], operator: Operator) -> None:
        """Whether it is meant for us and for this verb, by somebody who may."""
        if request.get("gateway") != self._gateway:
            raise RefusedRequestError(
                f"was signed for gateway {request.get('gateway')!r}, and this is {self._gateway!r}"
            )
        if request.get("verb") != verb:
            raise RefusedRequestError(f"was signed as {request.get('verb')!r} and came as {verb!r}")
        if operator.verbs and verb not in operator.verbs:
            raise RefusedRequestError(f"{operator.name} may not ask '{verb}'; [[commands.operator]] says what he may")

    def _fresh(self, request: Mapping[str, Any], operator: str) -> Asked:
        name, issued, now = request.get("id"), request.get("issued"), self._clock.wall()
        if not isinstance(name, str) or not isinstance(issued, int | float) or isinstance(issued, bool):
            raise RefusedRequestError(
                "a signed request needs an 'id' and 'issued', the epoch seconds when it was signed"
            )
        if not self._clock.trusted():
            raise RefusedRequestError(
                "the gateway does not know the time, so it cannot tell a new request from an old one"
            )
        if abs(now - issued) > self._settings.window_s:
            apart = f"more than {self._settings.window_s:g} s apart"
            raise RefusedRequestError(f"was issued at {iso(issued)}, and it is {iso(now)} here: {apart}")
        body = {key: value for key, value in request.items() if key not in ("gateway", "verb", "issued")}
        if self._seen.before(operator, name):
            return Asked(body, operator, came_before=True)
        if issued <= self._seen.floor(operator):
            raise RefusedRequestError("was issued before requests that are forgotten already: it may have come before")
        self._seen.note(operator, name, issued, now - 2 * self._settings.window_s)
        return Asked(body, operator)
