"""[commands], [control] and [clock] of gateway.toml: who signs, who may change what, and with which secrets."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from gateway.north.keys import KeyFileError, read_key
from gateway.north.secret import private
from gateway.settings.fault import Fault
from gateway.settings.gateway_file import GatewayFile, resolve
from gateway.settings.models import CommandSettings, ControlSettings
from gateway.settings.shape import closest
from gateway.settings.toml_file import KeyPath, TomlFile
from gateway.verbs.vocabulary import VOCABULARY

PASSWORD = re.compile(r"(\d{6})(?:\s+(\d{8}))?")
"""What stands in a file of a meter's password: six digits, and where it is wanted an operator's code of eight."""

_PARAMETER = re.compile(r"[0-9A-Fa-f*?]+")


def commands(folder: Path, settings: CommandSettings) -> CommandSettings:
    """With the files that it names as paths that work from anywhere."""
    named = (replace(one, key_file=resolve(folder, one.key_file)) for one in settings.operator)
    return replace(settings, operator=tuple(named))


def control(folder: Path, settings: ControlSettings | None) -> ControlSettings | None:
    """The same of the meters' passwords."""
    if settings is None:
        return None
    meters = (
        replace(one, switch_file=resolve(folder, one.switch_file), write_file=resolve(folder, one.write_file))
        for one in settings.meters
    )
    return replace(settings, meters=tuple(meters))


def faults(file: TomlFile, found: GatewayFile, devices: Sequence[str]) -> Iterator[Fault]:
    """What is wrong with these tables, each fault at its line."""
    yield from _password_faults(file, ("clock", "password_file"), found.clock.password_file)
    yield from _operator_faults(file, found.commands)
    if found.control is None:
        return
    if not found.commands.operator:
        yield file.fault(("control",), "needs somebody who signs. Add a [[commands.operator]] with a key.")
    yield from _permit_faults(file, found, devices)
    for index, row in enumerate(found.control.meters):
        place = ("control", "meters", index)
        yield from _unmatched(file, (*place, "devices"), row.devices, devices)
        for key, name in (("switch_file", row.switch_file), ("write_file", row.write_file)):
            yield from _password_faults(file, (*place, key), name)


def _operator_faults(file: TomlFile, settings: CommandSettings) -> Iterator[Fault]:
    names: set[str] = set()
    for index, operator in enumerate(settings.operator):
        place = ("commands", "operator", index)
        if operator.name in names:
            yield file.fault((*place, "name"), f"{operator.name!r} stands twice. Each operator has one key.")
        names.add(operator.name)
        for verb in operator.verbs:
            if verb not in VOCABULARY:
                yield file.fault((*place, "verbs"), f"there is no verb {verb!r}; {closest(verb, list(VOCABULARY))}")
        if operator.key_file.startswith("credential:"):
            continue  # it is there when the service runs, and nowhere now
        try:
            key = read_key(str(file.path.parent / operator.key_file))
        except KeyFileError as error:
            yield file.fault((*place, "key_file"), f"{error}.")
            continue
        if key.kind == "ed25519-private":
            says = "is the operator's private key, which the gateway must not have. Copy the public one here."
            yield file.fault((*place, "key_file"), says)


def _permit_faults(file: TomlFile, found: GatewayFile, devices: Sequence[str]) -> Iterator[Fault]:
    assert found.control is not None
    names = [operator.name for operator in found.commands.operator]
    for index, permit in enumerate(found.control.permit):
        place = ("control", "permit", index)
        for name in permit.operators:
            if name not in names:
                yield file.fault((*place, "operators"), f"there is no operator {name!r}; {closest(name, names)}")
        yield from _unmatched(file, (*place, "devices"), permit.devices, devices)
        if ("write" in permit.actions) != bool(permit.parameters):
            says = "and the action write go together: name the identifiers that may be written, such as 04000E03."
            yield file.fault((*place, "parameters"), says)
        for parameter in permit.parameters:
            if not _PARAMETER.fullmatch(parameter):
                yield file.fault((*place, "parameters"), f"{parameter!r} is no identifier of hex digits, * and ?.")


def _unmatched(file: TomlFile, place: KeyPath, patterns: Sequence[str], devices: Sequence[str]) -> Iterator[Fault]:
    for pattern in patterns:
        if devices and not any(fnmatchcase(device, pattern) for device in devices):
            yield file.fault(place, f"{pattern!r} fits no device; {closest(pattern, devices)}")


def _password_faults(file: TomlFile, place: KeyPath, name: str) -> Iterator[Fault]:
    if not name or name.startswith("credential:"):
        return
    try:
        good = PASSWORD.fullmatch(private(str(file.path.parent / name)))
    except OSError as error:
        yield file.fault(place, f"{error}.")
        return
    if not good:
        yield file.fault(place, f"{name!r} does not hold six digits, or six and eight of an operator's code.")
