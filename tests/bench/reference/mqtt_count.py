"""A subscriber that counts a mark in payloads: prints `ready`, then the count for each line that it reads."""

import sys

from tests.bench.reference.listening import listening


def main(port: int, topic: str, mark: bytes) -> None:
    """Count until standard input ends."""
    counted = 0

    def heard(payload: bytes) -> None:
        nonlocal counted
        counted += payload.count(mark)

    client = listening("counter", port, topic, heard)
    for _ in sys.stdin:
        print(counted, flush=True)
    client.loop_stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3].encode())
