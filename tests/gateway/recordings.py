"""A recording on disk, for tests of what reads recordings."""

from pathlib import Path

from gateway.recording import Recorder
from gateway.simulate.fault import Fault
from tests.rules.areas import readings, village


def recorded(folder: Path) -> Path:
    """Makes one in which box B3 of the village loses its supply for a quarter of an hour."""
    area = village()
    with Recorder(folder, area) as recorder:
        for seen in readings(area, (Fault("breaker_tripped", "B3"), 600, 1500)):
            recorder.put(seen)
    return folder
