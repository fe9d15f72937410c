"""Reads all of config/ and says every fault of every file at once; nothing is started on a faulty one."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from gateway.settings import area_file, control_tables, devices_file, gateway_file, profile_files, rules_file
from gateway.settings.area_file import AreaFile
from gateway.settings.devices_file import Place
from gateway.settings.fault import Fault
from gateway.settings.gateway_file import Address, Identity, resolve
from gateway.settings.models import Device, Influx, Line, Mqtt, Site
from gateway.settings.shape import fresh
from gateway.settings.toml_file import TomlFile, read_toml
from rules import topology
from rules.area import Area, Bus, DeviceKind
from rules.area import Device as AreaDevice


def profile_folder(path: Path) -> Path:
    """Where the site of this gateway.toml keeps profiles of its own; the usual place where the file does not say."""
    gateway, _ = gateway_file.read(read_toml(path))
    return path.parent / (gateway.gateway if gateway is not None else Identity("")).profiles


def check(path: Path) -> tuple[Site | None, Sequence[Fault]]:
    """The site, if it can be made, and every fault that was found on the way."""
    gateway_toml = read_toml(path)
    gateway, faults = gateway_file.read(gateway_toml)
    if not path.is_file():  # the other files are named in it
        return None, faults
    folder = path.parent
    names = gateway.gateway if gateway is not None else Identity("")
    area_toml = read_toml(folder / names.area)
    area, area_faults = area_file.read(area_toml)
    profiles, profile_faults = profile_files.read_profiles(folder / names.profiles)
    thresholds, rules_faults = rules_file.read(read_toml(folder / names.rules))
    lines = gateway.line if gateway is not None else ()
    world = devices_file.World(
        profiles=profiles,
        lines={line.id: line for line in reversed(lines)},  # the first of a name counts
        nodes=frozenset(node.id for node in area.node) if area is not None else None,
    )
    devices, places, device_faults = devices_file.read(folder / names.devices, world)
    if gateway is None:  # without its lines, what a row says of a line cannot be judged
        device_faults = [fault for fault in device_faults if fault.field != "line"]
    faults = [*faults, *area_faults, *profile_faults, *rules_faults, *device_faults]
    if gateway is None or area is None:
        return None, faults
    whole = _area(area, lines, devices)
    faults += _topology_faults(whole, area_toml, gateway_toml, places)
    faults += _order_faults(area_toml, area, devices)
    faults = fresh(faults, control_tables.faults(gateway_toml, gateway, [device.id for device in devices]))
    site = Site(
        id=gateway.gateway.id,
        area=whole,
        lines=lines,
        devices=tuple(devices),
        store=replace(gateway.store, path=folder / gateway.store.path),
        mqtt=_mqtt(folder, gateway.mqtt),
        faces=gateway.faces,
        influx=_influx(folder, gateway.influx),
        metrics=gateway.metrics,
        backfill=gateway.backfill,
        clock=replace(gateway.clock, password_file=resolve(folder, gateway.clock.password_file)),
        commands=control_tables.commands(folder, gateway.commands),
        control=control_tables.control(folder, gateway.control),
        thresholds=thresholds,
        planned=area.outages(),
        orders=area.orders(),
        fingerprint=_fingerprint(
            [
                *(path, folder / names.area, folder / names.devices, folder / names.rules),
                *sorted((folder / names.profiles).glob("*.toml")),
            ]
        ),
    )
    return site, faults


def address(path: Path) -> tuple[Address | None, Sequence[Fault]]:
    """Whom a gateway.toml names and where he is spoken to, whatever else it says; and the faults of that."""
    found, faults = gateway_file.read_address(read_toml(path))
    return (replace(found, mqtt=_mqtt(path.parent, found.mqtt)) if found is not None else None), faults


def _area(area: AreaFile, lines: Sequence[Line], devices: Sequence[Device]) -> Area:
    """The rules' view of the site."""
    periods = Counter(device.period_s for device in devices)
    return Area(
        id=area.area.id,
        nodes=area.nodes(),
        devices=tuple(
            AreaDevice(
                id=device.id,
                kind=cast("DeviceKind", device.kind),
                node=device.node,
                phases=device.phases,
                bus=device.line,
                customer=device.customer,
                backup_s=device.backup_s,
            )
            for device in devices
        ),
        buses=tuple(Bus(line.id, line.collector_node) for line in lines),
        nominal_voltage=area.area.nominal_voltage,
        poll_period_s=periods.most_common(1)[0][0] if periods else 60.0,
    )


def _topology_faults(area: Area, file: TomlFile, gateway: TomlFile, places: Mapping[str, Place]) -> Iterator[Fault]:
    """What is wrong between nodes, devices and lines, each at the line where its subject stands."""
    nodes = {node.id: index for index, node in reversed(list(enumerate(area.nodes)))}
    lines = {bus.id: index for index, bus in enumerate(area.buses)}
    for fault in topology.faults(area):
        if fault.about == "device" and fault.id in places:
            yield Fault(places[fault.id].file, places[fault.id].line, "", f"{fault.id}: {fault.says}")
        elif fault.about == "bus":
            yield gateway.fault(("line", lines[fault.id], "collector_node"), fault.says)
        elif fault.about == "node":
            yield file.fault(("node", nodes[fault.id]), f"{fault.id}: {fault.says}")
        else:
            yield Fault(file.path, 0, "node", fault.says)
    for device in area.devices:
        if device.id in nodes and device.id in places:
            says = f"{device.id!r} is a node of {file.path.name}, too. Rename one: incidents name both by their ids."
            yield Fault(places[device.id].file, places[device.id].line, "device", says)


def _order_faults(file: TomlFile, area: AreaFile, devices: Sequence[Device]) -> Iterator[Fault]:
    known = {device.id for device in devices}
    for index, row in enumerate(area.order):
        if row.device not in known:
            yield file.fault(("order", index, "device"), f"there is no device {row.device!r} in devices.csv.")


def _mqtt(folder: Path, mqtt: Mqtt | None) -> Mqtt | None:
    """With the files that it names as paths that work from anywhere."""
    if mqtt is None:
        return None
    tls = mqtt.tls
    if tls is not None:
        ca, certificate, key = (resolve(folder, name) for name in (tls.ca, tls.certificate, tls.key))
        tls = replace(tls, ca=ca, certificate=certificate, key=key)
    return replace(mqtt, password_file=resolve(folder, mqtt.password_file), tls=tls)


def _influx(folder: Path, influx: Influx | None) -> Influx | None:
    if influx is None:
        return None
    token, password = resolve(folder, influx.token_file), resolve(folder, influx.password_file)
    return replace(influx, token_file=token, password_file=password)


def _fingerprint(paths: Iterable[Path]) -> str:
    """Twelve hex digits that change when any of the files does."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes() if path.is_file() else b"")
        digest.update(b"\0")
    return digest.hexdigest()[:12]
