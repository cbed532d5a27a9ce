"""Verification: walks the hash chain and says which row is the first that is not as it was written."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from device.domain.record import record
from device.journal.chain import digest, link
from device.journal.reading import Book, Stored, book_of, evidence_of, newest_of, rows_after, snapshots_of
from device.journal.schema import EVIDENCE_TYPE, is_refusal


@record
class Broken:
    """The first thing wrong. ``row`` None: not a row of the chain."""

    row: int | None
    reason: str


@dataclass(slots=True)
class Verdict:
    """What a walk found: the chain from after ``start_row`` to ``row``, whose hash is ``head``."""

    epoch: str
    start_row: int
    row: int
    seq: int
    head: bytes
    rows: int = 0
    events: int = 0
    erased: int = 0
    evidence: int = 0
    broken: Broken | None = None
    hashes: dict[int, bytes] = field(default_factory=dict)
    """The hashes of the rows that were asked for."""

    def take(self, stored: Stored) -> None:
        """Count a row that is as it should be."""
        self.rows += 1
        self.row, self.head = stored.row, stored.hash
        self.erased += stored.body is None
        if stored.seq is not None:
            self.events += 1
            self.seq = stored.seq

    def move_to(self, row: int, seq: int, head: bytes) -> None:
        """Go on from another row, because retention has removed what lay before it."""
        self.row, self.seq, self.head = row, seq, head


def walk(
    connection: sqlite3.Connection, book: Book, start: tuple[int, int, bytes] | None = None, wanted: frozenset[int] = frozenset()
) -> Verdict:
    """Walk the chain from after ``start`` (row, newest seq, hash), by default the anchor, and stop at the first break.

    Retention may remove rows under a reader: then the walk goes on from the new anchor. The hashes of the rows ``wanted`` are kept.
    """
    row, seq, head = start or (book.anchor_row, book.anchor_seq, book.anchor_hash)
    verdict = Verdict(book.epoch, row, row, seq, head)
    try:
        for stored in _rows(connection, verdict):
            reason = _fault(connection, verdict, stored)
            if reason is not None:
                verdict.broken = Broken(stored.row, reason)
                break
            verdict.take(stored)
            if stored.row in wanted:
                verdict.hashes[stored.row] = stored.hash
    except sqlite3.Error as error:
        if is_refusal(error):
            raise
        verdict.broken = Broken(verdict.row + 1, f"it cannot be read: {error}")
    return verdict


def verify(connection: sqlite3.Connection, wanted: frozenset[int] = frozenset()) -> Verdict:
    """Check all that can be checked: the pages, the chain, the evidence, the snapshots, the cursor."""
    book = book_of(connection)
    verdict = walk(connection, book, wanted=wanted)
    problem = None if verdict.broken else _record_fault(connection, verdict) or page_fault(connection)
    if problem is not None:
        verdict.broken = Broken(None, problem)
    return verdict


def page_fault(connection: sqlite3.Connection) -> str | None:
    """What SQLite finds wrong with the pages of the file; None: nothing."""
    found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else found


def _rows(connection: sqlite3.Connection, verdict: Verdict) -> Iterator[Stored]:
    for stored in rows_after(connection, verdict.row):
        if stored.row != verdict.row + 1:
            book = book_of(connection)
            if book.anchor_row > verdict.row:
                verdict.move_to(book.anchor_row, book.anchor_seq, book.anchor_hash)
        if stored.row > verdict.row:
            yield stored


def _fault(connection: sqlite3.Connection, verdict: Verdict, stored: Stored) -> str | None:
    if stored.row != verdict.row + 1:
        return f"row {verdict.row + 1} is missing"
    if stored.seq is not None and stored.seq != verdict.seq + 1:
        return f"its seq is {stored.seq}, not {verdict.seq + 1}"
    if (stored.body is None) == (stored.digest is None):
        return "its body is gone, and nothing stands for it" if stored.body is None else "it has a body and a stand-in for it"
    try:
        content = digest(stored.body) if stored.body is not None else stored.digest or b""
        expected = link(verdict.head, verdict.epoch, stored.row, stored.seq, stored.wall, stored.type, content)
    except (TypeError, AttributeError, struct.error):
        return "its fields are not of their types"
    if expected != stored.hash:
        return "its content does not fit its hash"
    if stored.type == EVIDENCE_TYPE and stored.body is not None:
        return _evidence_fault(connection, verdict, stored)
    return None


def _evidence_fault(connection: sqlite3.Connection, verdict: Verdict, stored: Stored) -> str | None:
    named = json.loads(stored.body or b"")
    blob = evidence_of(connection, named["id"])
    if blob is None:
        trimmed_meanwhile = book_of(connection).anchor_row >= stored.row
        return None if trimmed_meanwhile else f"evidence {named['id']} is missing"
    if blob and digest(blob).hex() != named["sha256"]:
        return f"evidence {named['id']} is not what was stored"
    verdict.evidence += 1
    return None


def _record_fault(connection: sqlite3.Connection, verdict: Verdict) -> str | None:
    book = book_of(connection)
    _, newest_seq, _ = newest_of(connection, book)
    if book.acknowledged > newest_seq:
        return f"acknowledged up to seq {book.acknowledged}, but the newest is {newest_seq}"
    for snapshot in snapshots_of(connection, verdict.epoch):
        if snapshot.state is None:
            return f"the snapshot after row {snapshot.row} is not what was stored"
    return None
