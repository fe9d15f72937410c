"""A subscriber that knows when each value was read: prints `ready`, then all delays in ms when standard input ends."""

import json
import re
import sys
import time

from tests.bench.reference.listening import listening

VALUE = re.compile(rb'"current":(\d+)')


def main(port: int, topic: str) -> None:
    """Listen until standard input ends."""
    delays: list[int] = []

    def heard(payload: bytes) -> None:
        now = int(time.time() * 1000)
        delays.extend((now - int(stamp)) & 0xFFFFFFFF for stamp in VALUE.findall(payload))

    client = listening("lag", port, topic, heard)
    sys.stdin.read()
    client.loop_stop()
    print(json.dumps(delays))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
