"""Retention: which rows may go, and how they go without breaking the chain.

Rows go from the beginning only. What stays: every event that is not acknowledged, every row after the older of the two snapshots (so
that the state can be rebuilt even where the newer one is damaged), and whatever is younger than ``keep_days``, unless the space is needed.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from device.journal.plan import Position
from device.journal.reading import Book
from device.journal.schema import transaction

TRIM_ROWS = 500
"""Rows removed in one go: some milliseconds, in which a commit waits."""

CLOCKLESS_BEFORE = 1_700_000_000.0
"""Labels before this come from a board that did not know the time; they say nothing about a row's age."""


def last_removable(connection: sqlite3.Connection, position: Position) -> int:
    """The newest row that nothing depends on any more."""
    snapshots: list[int] = [row for (row,) in connection.execute("SELECT row FROM snapshot")]
    if len(snapshots) < 2:
        return 0
    unsent = connection.execute("SELECT row FROM record WHERE seq = ?", (position.acknowledged + 1,)).fetchone()
    sent: int = position.row if unsent is None else unsent[0] - 1
    return min([sent, *snapshots])


def last_older(connection: sqlite3.Connection, anchor: Book, cutoff: float) -> int:
    """The last of the next rows that were written before ``cutoff`` (Unix time) as far as the labels can be believed."""
    credible = connection.execute("SELECT row, wall FROM record WHERE wall >= ? ORDER BY row LIMIT 1", (CLOCKLESS_BEFORE,)).fetchone()
    if credible is None or credible[1] >= cutoff:
        return anchor.anchor_row
    older: int = credible[0]
    for row, wall in connection.execute("SELECT row, wall FROM record WHERE row > ? ORDER BY row LIMIT ?", (older, TRIM_ROWS)).fetchall():
        if wall >= cutoff:
            break
        if wall >= CLOCKLESS_BEFORE:
            older = row
    return older


def remove(connection: sqlite3.Connection, anchor: Book, upto: int) -> Book:
    """Remove the rows up to and including ``upto``, at most a portion of them, with their evidence; the new anchor."""
    upto = min(upto, anchor.anchor_row + TRIM_ROWS)
    if upto <= anchor.anchor_row:
        return anchor
    head, seq = connection.execute(
        "SELECT (SELECT hash FROM record WHERE row = :upto), (SELECT max(seq) FROM record WHERE row <= :upto)", {"upto": upto}
    ).fetchone()
    if head is None:
        raise sqlite3.DatabaseError(f"row {upto} is missing")
    after = replace(anchor, anchor_row=upto, anchor_seq=anchor.anchor_seq if seq is None else seq, anchor_hash=head)
    with transaction(connection):
        connection.execute("DELETE FROM record WHERE row <= ?", (upto,))
        connection.execute("DELETE FROM evidence WHERE row <= ?", (upto,))
        connection.execute("UPDATE meta SET anchor_row = ?, anchor_seq = ?, anchor_hash = ?", (upto, after.anchor_seq, head))
    return after
