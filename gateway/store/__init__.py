"""The one file on disk: what was observed, what it means, and who still has to hear of it.

Observations and events are three streams of numbered rows, written once. Each sink has ranges of row numbers that it
still has to get; confirming is taking numbers out of the ranges, so a backlog costs no second copy and no deletes.
Where InfluxDB is configured a row goes when every sink has it; else rows stay, as the embedded time series, until the
bounds in bytes and days are reached.
"""

from gateway.store.file import StoreError
from gateway.store.outbox import Outbox
from gateway.store.rows import Draft, Figures, Row, Stream
from gateway.store.store import Store

__all__ = ["Draft", "Figures", "Outbox", "Row", "Store", "StoreError", "Stream"]
