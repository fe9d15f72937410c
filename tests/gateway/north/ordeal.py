"""What a gateway is put through, alone and in pairs."""

import contextlib
import itertools
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from tests.gateway.north.stage import Stage, Toll, reckon
from tests.gateway.store.running import tear
from tests.proxy import wire_to
from tests.servers import Listener, nats_server, started

Fault = Callable[[Stage], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def refused(stage: Stage) -> Iterator[None]:
    stage.broker.stop()
    stage.wire.cut()
    yield
    if not stage.broker.pid:  # who killed it meanwhile has started it again
        stage.broker.start()


@contextlib.contextmanager
def dead_link(stage: Stage) -> Iterator[None]:
    stage.wire.swallows = True
    yield
    stage.wire.swallows = False


@contextlib.contextmanager
def stalled(stage: Stage) -> Iterator[None]:
    stage.broker.freeze()
    yield
    stage.broker.thaw()


@contextlib.contextmanager
def broker_killed(stage: Stage) -> Iterator[None]:
    stage.broker.kill()
    stage.broker.start()
    yield


@contextlib.contextmanager
def gateway_killed(stage: Stage) -> Iterator[None]:
    stage.kill()
    stage.start()
    stage.more(1)  # a process that has not begun yet dies of the signals that are to set its clock
    yield


@contextlib.contextmanager
def power_cut(stage: Stage) -> Iterator[None]:
    stage.kill()
    stage.tear_log()
    stage.start()
    stage.more(1)
    yield


@contextlib.contextmanager
def disk_full(stage: Stage) -> Iterator[None]:
    fill(stage.path.parent)
    yield
    (stage.path.parent / "ballast").unlink()


@contextlib.contextmanager
def clock_ahead(stage: Stage) -> Iterator[None]:
    stage.tell(signal.SIGUSR1)
    yield
    stage.tell(signal.SIGUSR2)


@contextlib.contextmanager
def clock_back(stage: Stage) -> Iterator[None]:
    stage.tell(signal.SIGUSR2)
    yield
    stage.tell(signal.SIGUSR1)


@contextlib.contextmanager
def corrupted(stage: Stage) -> Iterator[None]:
    """The chip dies under the file: what was in it and had not been sent is gone, and nothing else."""
    stage.kill()
    stage.spoilt |= stage.stored
    for ending in ("", "-wal"):
        if (part := Path(f"{stage.path}{ending}")).exists():
            tear(part)
    stage.start()
    yield


FAULTS: Mapping[str, Fault] = {
    "the broker refuses": refused,
    "the link dies without a word": dead_link,
    "the broker stalls": stalled,
    "the broker is killed": broker_killed,
    "the gateway is killed": gateway_killed,
    "the power is cut": power_cut,
    "the disk is full": disk_full,
    "the clock is 20 years ahead": clock_ahead,
    "the clock is 20 years back": clock_back,
    "the store is corrupted": corrupted,
}
PAIRS = tuple(itertools.combinations(FAULTS, 2))


def fill(folder: Path) -> None:
    """Not a byte is left: `ballast` takes them all."""
    with (folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(1024))


@contextlib.contextmanager
def disk_of(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own. Raises PermissionError when it cannot be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        raise PermissionError("a small file system can only be mounted by root: a full disk is untested")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def endure(folder: Path, names: tuple[str, ...]) -> Toll:
    """Put a gateway through faults that overlap; what became of everything."""
    with contextlib.ExitStack() as stack:
        disk = folder / "disk"
        if disk_full in (FAULTS[name] for name in names):
            stack.enter_context(disk_of(disk, 20))
        else:
            disk.mkdir()
        broker = nats_server(folder)
        stack.enter_context(started(broker))
        wire = stack.enter_context(wire_to(broker.port))
        listener = stack.enter_context(closing(Listener(broker.port)))
        stage = Stage(disk / "a.db", broker, wire)
        stack.callback(stage.kill)
        stage.start()
        stage.more(20)
        before = len(stage.stored)
        with contextlib.ExitStack() as faults:
            for name in names:
                faults.enter_context(FAULTS[name](stage))
            if "the disk is full" not in names:
                stage.more(40)
            else:
                threading.Event().wait(0.5)  # nothing is stored: time is all there is to wait for
        stage.more(20)
        assert len(stage.stored) > before
        stage.kill()
        return reckon(stage, listener)
