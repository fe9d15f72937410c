"""A simulated area on real ports: time runs, faults come and go, and any gateway may read it."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from gateway.clock import Clock
from gateway.settings.models import Line, Site
from gateway.simulate import network
from gateway.simulate.devices import Instrument, instruments
from gateway.simulate.fault import Fault
from gateway.simulate.simulation import Simulation, Snapshot
from gateway.simulate.wires import PtyPort, Station, TcpPort, Wire

STEP_S = 0.25
TERMINAL_DELAY_S = 0.01
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class LiveArea:
    """The site's devices on the ports that its gateway.toml names."""

    def __init__(self, site: Site, clock: Clock, seed: int = 0, day: float | None = None) -> None:
        """`day`: the epoch second that customers live in when the area starts, so that a demo at night has an evening.

        None: they live now. The devices' own clocks show the real time in any case.
        """
        self.site = site
        self.faults: Sequence[Fault] = ()
        """What is wrong from the next step on."""
        self._clock = clock
        self._shift = 0.0 if day is None else day - clock.wall()
        self._simulation = Simulation(network.build(site.area, seed), seed)
        self._instruments = instruments(site.devices)
        chance = random.Random(seed)
        self._wires = {line.id: _wire(line, self._instruments, chance) for line in site.lines}
        self._ports: list[PtyPort | TcpPort] = []
        self._names: list[Path] = []

    async def open(self) -> dict[str, str]:
        """Open every line; where each one is. Raises OSError for a port taken, ValueError for one of somewhere else."""
        where = {}
        for line in self.site.lines:
            wire = self._wires[line.id]
            where[line.id] = self._open_pty(line, wire) if line.port.startswith("/") else await self._listen(line, wire)
        self.step()
        return where

    def step(self) -> Snapshot:
        """Bring the area to the present."""
        now = self._clock.wall()
        snapshot = self._simulation.step(now + self._shift, self.faults)
        for instrument in self._instruments:
            instrument.show(snapshot, now)
        for line, wire in self._wires.items():
            wire.loss = snapshot.noisy.get(line, 0.0)
        return snapshot

    async def run(self) -> None:
        """Step until cancelled."""
        while True:
            await asyncio.sleep(STEP_S)
            self.step()

    async def close(self) -> None:
        """Take the ports away again."""
        for name in self._names:
            name.unlink(missing_ok=True)
        for port in self._ports:
            if isinstance(port, TcpPort):
                await port.close()
            else:
                port.close()

    def _open_pty(self, line: Line, wire: Wire) -> str:
        name = Path(line.port)
        if name.exists() and not _is_pty_link(name):
            raise ValueError(f"line {line.id}: {name} is a real port. A simulated line needs a name that is free.")
        port = PtyPort(wire)
        self._ports.append(port)
        name.parent.mkdir(parents=True, exist_ok=True)
        name.unlink(missing_ok=True)
        name.symlink_to(port.name)
        self._names.append(name)
        return str(name)

    async def _listen(self, line: Line, wire: Wire) -> str:
        address = urlsplit(line.port)
        if address.hostname not in LOOPBACK or address.port is None:
            raise ValueError(f"line {line.id}: {line.port} is not on this machine. Write 127.0.0.1 to simulate it.")
        port = TcpPort(wire)
        self._ports.append(port)
        await port.open(address.hostname, address.port)
        return line.port


def _wire(line: Line, all_instruments: Sequence[Instrument], chance: random.Random) -> Wire:
    """The line with its devices on it."""
    stations = [
        Station(instrument.device, instrument.row.wire)
        for instrument in all_instruments
        if instrument.row.line == line.id
    ]
    if line.speaks_modbus_tcp:
        stations = [replace(station, wire=None, delay_s=TERMINAL_DELAY_S) for station in stations]
    return Wire(stations, chance)


def _is_pty_link(name: Path) -> bool:
    return name.is_symlink() and str(name.readlink()).startswith("/dev/pts/")
