"""The journal: one SQLite database that is the outbox, the audit log and the memory of a store.

Reading order: ``schema`` (the tables, the settings, what errors mean), ``chain`` (the hash chain), ``journal`` (what the engine and the
uplink use), ``ledger`` (the one writer, and what it does when the disk fails) with ``plan``, ``space`` and ``retention``; ``opening``
(locking, making, looking over, moving aside); ``reading`` and ``verify`` (for the start and for people); ``trace`` (evidence).
The file is described in ``docs/journal.md``.
"""

from __future__ import annotations

from device.journal.journal import Journal
from device.journal.schema import Evidence, Row
from device.journal.space import Pressure, Room
from device.journal.trace import Trace, decode, encode

__all__ = ["Evidence", "Journal", "Pressure", "Room", "Row", "Trace", "decode", "encode"]
