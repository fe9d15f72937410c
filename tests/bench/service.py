"""The whole service on the demo's area at a 10 s poll: memory and processor, beside what it may take at most."""

import os
import tempfile
import time
from pathlib import Path

from gateway.settings import load
from gateway.simulate.site import lay_out
from tests.area import Area, service
from tests.bench.report import row
from tests.servers import Listener, nats_server, started

SETTLE_S, MEASURE_S = 12.0, 40.0
MOST_MB, MOST_SHARE = 80.0, 0.05
PERIOD = "period_s = 10\n"


def main() -> None:
    """Needs about a minute."""
    with tempfile.TemporaryDirectory() as folder:
        broker = nats_server(Path(folder))
        config = lay_out(Path(folder) / "site", mqtt_port=broker.port)
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("period_s = 2\n", PERIOD).replace("period_s = 1\n", PERIOD), encoding="utf-8")
        site = load(config)
        gateway = service(config)
        with started(broker), Area(site):
            listener = Listener(broker.port)
            gateway.start()
            time.sleep(SETTLE_S)
            before, since = _cpu_s(gateway.pid), time.monotonic()
            time.sleep(MEASURE_S)
            share = (_cpu_s(gateway.pid) - before) / (time.monotonic() - since)
            resident = _resident_mb(gateway.pid)
            gateway.stop()
            listener.close()
    polled = f"{len(site.devices)} devices at 10 s"
    row("service", f"resident memory, {polled}", resident, "MB", MOST_MB, MOST_MB / resident)
    row("service", f"processor, {polled}", share, "of a core", MOST_SHARE, MOST_SHARE / share)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
