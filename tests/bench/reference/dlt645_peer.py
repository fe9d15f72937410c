"""Frames a second of one of PyPI's two DL/T 645 packages; both are called `dlt645`, so each runs alone.

Run as `python dlt645_peer.py PACKAGE FRAMES` with the package on the path; prints one JSON object.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Sequence


def rate(work: Callable[[bytes], object], frames: Sequence[bytes], rounds: int = 4) -> float:
    """Frames a second of CPU time, the best of the rounds: what others did on the machine costs nobody."""
    rates = []
    for _ in range(rounds):
        began = time.process_time()
        for frame in frames:
            work(frame)
        rates.append(len(frames) / (time.process_time() - began))
    return max(rates)


def new_package(frames: Sequence[bytes]) -> dict[str, float]:
    """dlt645 3.2.0: its own client decodes the answer; logging off; the address in the order of the wire."""
    import dlt645

    dlt645.disable_logging()
    client = dlt645.MeterClientService.new_tcp_client("127.0.0.1", 1, 1.0)
    client.set_address("129078563412")
    protocol = dlt645.DLT645Protocol
    address, data = bytes.fromhex("129078563412"), bytes.fromhex("00000100")
    return {
        "encode": rate(lambda _: protocol.build_frame(address, 0x11, data), frames),
        "decode": rate(protocol.deserialize, frames),
        "stream": rate(protocol.deserialize_with_remaining, frames),
        "value": rate(lambda frame: client.handle_response(protocol.deserialize(frame)).value, frames),
    }


def old_package(frames: Sequence[bytes]) -> dict[str, float]:
    """python-dlt645 0.1.4: `load` for a whole frame; its reading function's stream and arithmetic for a value."""
    import dlt645

    def decode(frame: bytes) -> str:
        loaded = dlt645.Frame()
        loaded.load(bytearray(frame))
        data: str = loaded.data
        return data

    def encode(_: bytes) -> object:
        asked = dlt645.Frame("123456789012")
        asked.data = "00010000"
        return asked.dump()

    def read(frame: bytes) -> str:
        data: str = dlt645.read_frame(dlt645.iogen(io.BytesIO(frame))).data
        return data

    return {
        "encode": rate(encode, frames),
        "decode": rate(decode, frames),
        "stream": rate(read, frames),
        "value": rate(lambda frame: int(read(frame)[:-8]) / 100, frames),
    }


if __name__ == "__main__":
    wire = [bytes.fromhex(line) for line in sys.stdin.read().split()]
    print(json.dumps((new_package if sys.argv[1] == "dlt645" else old_package)(wire)))
