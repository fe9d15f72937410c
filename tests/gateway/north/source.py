"""A process to be killed: a store and a sender, observing as fast as the disk allows.

`python -m tests.gateway.north.source STORE PORT` prints the number of every observation that is on disk.
"""

import asyncio
import sys
from pathlib import Path

from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from gateway.store import Stream
from tests.gateway.north.site import desk, incident, observation


async def main(path: Path, port: int) -> None:
    """Observe until killed; the row's number is the observation's."""
    settings = Mqtt(port=port, together_s=0.05, keepalive_s=5)
    async with desk(path, settings, patience_s=3600) as gateway:
        outbox = gateway.store.outbox("mqtt")
        number = outbox.newest(Stream.LIVE)
        while True:
            drafts = [observed(observation(number + more)) for more in range(1, 11)]
            gateway.store.put([*drafts, told(incident(f"i{number}"))])
            await gateway.store.flush()
            number += 10
            print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
