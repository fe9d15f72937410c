"""What is kept for a while takes the memory of its bytes."""

import tracemalloc

from gateway.slim import slim_json


def test_kept_rows_take_no_more_than_their_bytes() -> None:
    row = {f"point_{number}": 220.0 + number / 1000 for number in range(40)}
    tracemalloc.start()
    kept = [slim_json(row) for _ in range(100)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * sum(map(len, kept))
