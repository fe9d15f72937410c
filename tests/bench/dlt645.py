"""DL/T 645: frames a second of CPU time, beside PyPI's two packages, each in an environment of its own.

The same answers, of imported energy, are given to all. python-dlt645 cannot read frames with a 16H inside; there are
none among these, so that it can take part. 'Decode to value' is from the bytes of an answer to its number, by each
package's own way: dlt645 deserializes and lets its client handle the answer, python-dlt645 reads a stream and divides.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from drivers.dlt645.catalog import carried
from drivers.dlt645.frame import Frame, FrameBuffer, encode, parse
from tests.bench.reference.dlt645_peer import rate
from tests.bench.report import row

PEERS = {"dlt645": "dlt645==3.2.0", "python-dlt645": "python-dlt645==0.1.4"}
EXTRA = {"dlt645": ["loguru"], "python-dlt645": []}
FRAMES, TURNS = 20_000, 4
TITLES = {
    "encode": "encode",
    "decode": "decode a whole frame",
    "stream": "decode from a stream",
    "value": "decode to value",
}
SCRIPT = Path(__file__).parent / "reference" / "dlt645_peer.py"


def answers() -> list[bytes]:
    """Answers of one meter with ever other energies, without 16H, 68H and FEH inside and only 33H and above."""
    found: list[bytes] = []
    number = 0
    while len(found) < FRAMES:
        number += 7
        frame = encode(Frame("123456789012", 0x91, bytes.fromhex(f"00000100{number:08d}")))
        if not {0x16, 0xFE, 0x68} & set(frame[10:-1]):
            found.append(frame)
    return found


def ours(frames: Sequence[bytes]) -> dict[str, float]:
    """The figures of this project."""
    buffer = FrameBuffer()

    def stream(raw: bytes) -> object:
        buffer.feed(raw)
        return buffer.next_frame()

    def value(raw: bytes) -> object:
        frame = parse(raw)
        item = frame and carried(frame.data[:4])
        return item and item.value(frame.data[4:])  # type: ignore[union-attr]

    asked = Frame("123456789012", 0x11, bytes.fromhex("00000100"))
    return {
        "encode": rate(lambda _: encode(asked), frames),
        "decode": rate(parse, frames),
        "value": rate(value, frames),
        "stream": rate(stream, frames),
    }


def peer(name: str, frames: Sequence[bytes]) -> Mapping[str, float]:
    """The figures of a peer, installed on first use beside the virtual environment; none when that fails."""
    place = Path(sys.prefix) / "bench-peers" / name
    if not place.exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place), PEERS[name]]
        if subprocess.run([*command, *EXTRA[name]], check=False).returncode:
            return {}
    run = subprocess.run(
        [sys.executable, str(SCRIPT), name],
        input="\n".join(frame.hex() for frame in frames),
        env={"PYTHONPATH": str(place)},
        text=True,
        stdout=subprocess.PIPE,
        check=False,
    )
    figures: dict[str, float] = json.loads(run.stdout) if run.returncode == 0 else {}
    return figures


def main() -> None:
    """In turns, the best of each: what else the machine does falls on all of them alike."""
    frames = answers()
    here: dict[str, float] = {}
    there: dict[str, dict[str, float]] = {name: {} for name in PEERS}
    for _ in range(TURNS):
        _keep_best(here, ours(frames))
        for name, figures in there.items():
            _keep_best(figures, peer(name, frames))
    for key, title in TITLES.items():
        beside = {name: figures[key] for name, figures in there.items() if key in figures}
        for name, reference in beside.items():
            row("dlt645", f"{title}, beside {name}", here[key], "frames/s", reference)
        if not beside:
            row("dlt645", title, here[key], "frames/s")


def _keep_best(best: dict[str, float], figures: Mapping[str, float]) -> None:
    best |= {key: max(figure, best.get(key, 0.0)) for key, figure in figures.items()}


if __name__ == "__main__":
    main()
