"""Planning: turns requests into statements, and refuses what must never be stored. Reads the database, writes nothing."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, replace

from device.domain.record import record
from device.journal.aliases import Statement, adding, destroying, touching
from device.journal.chain import digest, link, seal
from device.journal.entries import Acknowledge, Commit, Entry, Forget, Readmit, SetAside, TakeSnapshot
from device.journal.reading import evidence_of, rows_after
from device.journal.schema import EVIDENCE_TYPE, Evidence, Row

_INSERT = "INSERT INTO record (row, seq, type, wall, body, digest, hash) VALUES (?, ?, ?, ?, ?, NULL, ?)"


@record
class Position:
    """Where the journal ends: its newest row and number, the hash of that row, and the uplink's cursor."""

    row: int
    seq: int
    head: bytes
    acknowledged: int


@dataclass(slots=True)
class Plan:
    """One transaction to be: what the journal will be after it, and how it gets there.

    ``claim`` is the first of the rows that were found after a failure without anybody having been told that they are stored.
    """

    epoch: str
    position: Position
    claim: int | None
    entries: list[Entry] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    traces: dict[str, bytes] = field(default_factory=dict)
    pages: int = 0
    durable: bool = False

    def add(self, connection: sqlite3.Connection, entry: Entry) -> list[Statement]:
        """The statements of one request; none where it is stored already. The plan is as before where it raises.

        Raises ValueError where the request contradicts what is stored.
        """
        match entry:
            case Commit():
                return self._commit(connection, entry)
            case TakeSnapshot():
                sealed = seal(self.epoch, self.position.row, entry.state)
                return [
                    ("INSERT OR REPLACE INTO snapshot (row, hash, state) VALUES (?, ?, ?)", (self.position.row, sealed, entry.packed)),
                    ("DELETE FROM snapshot WHERE row NOT IN (SELECT row FROM snapshot ORDER BY row DESC LIMIT 2)", ()),
                ]
            case Acknowledge():
                return self._acknowledge(entry)
            case SetAside():
                return self._set_aside(connection, entry)
            case Readmit():
                return [("DELETE FROM aside WHERE seq = ?", (entry.seq,))]
            case Forget():
                return destroying(entry.parting)
            case _:
                raise TypeError(f"not a request: {entry!r}")

    def accept(self, entry: Entry, statements: list[Statement]) -> None:
        """Take a request into the transaction."""
        self.entries.append(entry)
        self.statements.extend(statements)
        if statements:
            self.pages += entry.pages
            self.durable = self.durable or entry.durable

    def _commit(self, connection: sqlite3.Connection, commit: Commit) -> list[Statement]:
        claim, stored = self._already(connection, commit)
        position, statements = self.position, adding(commit.aliases, self.position.row + 1)
        for row in commit.rows[stored:]:
            if row.seq is not None and row.seq != position.seq + 1:
                raise ValueError(f"the next seq is {position.seq + 1}, not {row.seq}")
            position, statement = self._append(position, row)
            statements += [statement, *(touching(row.body, position.row) if row.seq is not None else ())]
        new = {piece.id: piece for piece in commit.evidence if not self._has_evidence(connection, piece)}
        for piece in new.values():
            body = json.dumps({"id": piece.id, "sha256": digest(piece.blob).hex()}, separators=(",", ":")).encode()
            position, statement = self._append(position, Row(None, EVIDENCE_TYPE, piece.wall, body))
            keep = ("INSERT INTO evidence (id, seq, row, trace) VALUES (?, ?, ?, ?)", (piece.id, piece.seq, position.row, piece.blob))
            statements += [statement, keep]
        self.traces.update({id_: piece.blob for id_, piece in new.items()})
        self.position, self.claim = position, claim
        return statements

    def _append(self, position: Position, row: Row) -> tuple[Position, Statement]:
        number = position.row + 1
        head = link(position.head, self.epoch, number, row.seq, row.wall, row.type, digest(row.body))
        after = replace(position, row=number, seq=row.seq if row.seq is not None else position.seq, head=head)
        return after, (_INSERT, (number, row.seq, row.type, row.wall, row.body, head))

    def _already(self, connection: sqlite3.Connection, commit: Commit) -> tuple[int | None, int]:
        """The claim after this commit, and how many of its first rows are stored: a repeat, to which rows may have been added.

        Raises ValueError where their place is taken by others.
        """
        if not commit.rows:
            return self.claim, 0
        if self.claim is not None and (met := self._met(connection, commit, self.claim)) is not None:
            reached, stored = met
            return (reached if reached <= self.position.row else None), stored
        numbered = [(index, row.seq) for index, row in enumerate(commit.rows) if row.seq is not None]
        if numbered and numbered[0][1] <= self.position.seq:
            index, seq = numbered[0]
            found = connection.execute("SELECT row FROM record WHERE seq = ?", (seq,)).fetchone()
            met = self._met(connection, commit, found[0] - index) if found is not None else None
            if met is None:
                raise ValueError(f"seq {seq} is taken by other content")
            return self.claim, met[1]
        if self.claim is not None:
            raise ValueError(f"the commit that failed was stored, from row {self.claim}: it must be repeated before anything else")
        return None, 0

    def _met(self, connection: sqlite3.Connection, commit: Commit, first: int) -> tuple[int, int] | None:
        """The row after, and the number of, the commit's rows that are stored from ``first`` on; None where others are stored there."""
        stored = 0
        reached = first
        for there in rows_after(connection, first - 1):
            if there.type != EVIDENCE_TYPE:
                if stored == len(commit.rows):
                    break
                if there.content != commit.rows[stored]:
                    return None
                stored += 1
            reached = there.row + 1
        # With the journal at its end, rows that this group is yet to write may follow; only what is in the file can be compared.
        return (reached, stored) if stored else None

    def _has_evidence(self, connection: sqlite3.Connection, piece: Evidence) -> bool:
        there = self.traces.get(piece.id) or evidence_of(connection, piece.id)
        if there is not None and there != piece.blob:
            raise ValueError(f"evidence {piece.id} is there with other content")
        return there is not None

    def _acknowledge(self, entry: Acknowledge) -> list[Statement]:
        if entry.upto > self.position.seq:
            raise ValueError(f"seq {entry.upto} cannot be acknowledged: the newest is {self.position.seq}")
        if entry.upto <= self.position.acknowledged:
            return []
        self.position = replace(self.position, acknowledged=entry.upto)
        return [("UPDATE meta SET acknowledged = ?", (entry.upto,))]

    def _set_aside(self, connection: sqlite3.Connection, entry: SetAside) -> list[Statement]:
        oldest = connection.execute("SELECT min(seq) FROM record").fetchone()[0]
        first_planned = oldest if oldest is not None else self.position.seq
        if not first_planned <= entry.seq <= self.position.seq:
            raise ValueError(f"there is no seq {entry.seq} to set aside")
        copy = "INSERT OR IGNORE INTO aside (seq, reason, type, wall, body) SELECT seq, ?, type, wall, body FROM record WHERE seq = ?"
        return [(copy, (entry.reason, entry.seq))]
