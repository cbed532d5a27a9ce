"""The ledger: the one writer of the database. Plain calls, made one at a time from the journal's thread; ``Journal`` is its async face.

What happens when the disk fails is decided here. A full disk: the transaction is rolled back, and free pages are made before the next one.
Any other error: what the descriptors say can no longer be trusted, because a failed sync is reported once and its pages then pass for
clean. So they are all closed, the kernel's cached pages are dropped, the database is opened again, and what is read back from the disk
decides whether the commit is there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from device.domain.names import KEEP_AFTER_EXPIRY_S
from device.errors import JournalDamaged, JournalFull, StoreError
from device.journal.aliases import Names, letting_go, pseudonyms_in, revealed, unneeded
from device.journal.entries import Entry, Forget
from device.journal.opening import make_or_examine, move_aside, settle, take_lock
from device.journal.plan import Plan, Position
from device.journal.reading import book_of, evidence_of, newest_of
from device.journal.retention import last_older, last_removable, remove
from device.journal.schema import (
    PAGE_BYTES,
    Row,
    connect,
    connect_read_only,
    is_damage,
    is_full,
    is_refusal,
    transaction,
    upgrade,
    wal_of,
)
from device.journal.space import LEAST_PAGES, PAGES_PER_MB, RESERVE_PAGES, Pressure, Space

LOG_PAGES = 256
"""About 1 MiB in the log, and it is brought into the file: less than the log has allocated by then."""

REMOVAL_PAGES = 64
"""About what one removal writes."""

_DAY_S = 86_400.0


class Ledger:
    """One open journal. Made by ``open``."""

    def __init__(self, path: Path, max_mb: int, keep_days: int, lock: int, made_new: bool) -> None:
        self.path = path
        self.made_new = made_new
        self._max_mb = max_mb
        self._keep_days = keep_days
        self._lock = lock
        self._dead: JournalDamaged | None = None
        self._suspect: str | None = None
        self._claim: int | None = None
        self._log_pages = 0
        self._pressure = Pressure(0.0, max_mb, 0, 0, "full")
        self._is_open = False
        self._open_files()
        self._prepare_log()
        self.names = Names(self._connection.execute("SELECT mark_key FROM meta").fetchone()[0])
        self.names.recall(self._connection)
        self._scrub()
        self._weigh()

    @classmethod
    def open(cls, path: Path, max_mb: int, keep_days: int) -> Ledger:
        """Open or make the journal at ``path``. Raises JournalDamaged, JournalInUse, JournalFull, ConfigError."""
        lock = take_lock(path)
        try:
            made_new = make_or_examine(path)
            try:
                return cls(path, max_mb, keep_days, lock, made_new)
            except sqlite3.DatabaseError as error:
                if is_refusal(error):
                    raise JournalFull(f"{path}: {error}") from error
                raise JournalDamaged(f"the journal is damaged: {error}", str(move_aside(path))) from error
        except BaseException:
            os.close(lock)
            raise

    @property
    def position(self) -> Position:
        """Where the journal ends, as of the last commit."""
        return self._position

    @property
    def pressure(self) -> Pressure:
        """How full the journal is, as of the last call."""
        return self._pressure

    def write(self, entries: Sequence[Entry]) -> None:
        """Store what is asked, in order, in one transaction; each entry then carries its outcome."""
        try:
            with self._translated():
                self._ready()
                plan = self._plan(entries)
            self._store(plan)
            _fail_rest(entries, JournalFull(f"{self.path}: no room is left"))
            if any(isinstance(entry, Forget) for entry in plan.entries):
                self._scrub()
        except StoreError as error:
            _fail_rest(entries, error)
        self._weigh()

    def trim(self, wall: float) -> int:
        """Remove one portion of what retention no longer keeps; the number of rows, 0 when there is nothing left to remove."""
        with self._translated():
            self._ready()
            upto = last_older(self._connection, self._anchor, wall - self._keep_days * _DAY_S)
            pages = self._space.measure()
            if pages.used > self._space.max_pages * 9 // 10:
                upto = self._position.row
            removed = self._remove(upto)
            if not removed and pages.free < RESERVE_PAGES + LEAST_PAGES:
                self._space.grow()
            self._scrub()
        self._weigh()
        return removed

    def let_go(self, wall: float, in_use: Collection[str]) -> list[str]:
        """Destroy the keys of a portion of those of whom no row is left; their pseudonyms."""
        with self._translated():
            self._ready()
            # An event that was set aside outlasts its row, and is yet to be told, with its name.
            aside = {each for (body,) in self._connection.execute("SELECT coalesce(body, x'') FROM aside") for each in pseudonyms_in(body)}
            gone = unneeded(self._connection, self._anchor.anchor_row, wall - KEEP_AFTER_EXPIRY_S, aside.union(in_use))
            if gone:
                with transaction(self._connection):
                    for statement, values in [each for pseudonym in gone for each in letting_go(pseudonym)]:
                        self._connection.execute(statement, values)
                self._keep_log_short(REMOVAL_PAGES)
        return gone

    def events(self, after_seq: int, limit: int, *, named: bool) -> list[Row]:
        """Published rows after a number, in order; of those that are no longer kept, the ones that were set aside."""
        with self._translated():
            self._ready()
            query = (
                "SELECT seq, type, wall, coalesce(body, x'') FROM record WHERE seq > :after UNION ALL"
                " SELECT seq, type, wall, coalesce(body, x'') FROM aside WHERE seq > :after"
                " AND NOT EXISTS (SELECT 1 FROM record WHERE record.seq = aside.seq) ORDER BY seq LIMIT :limit"
            )
            found = [Row(*fields) for fields in self._reader.execute(query, {"after": after_seq, "limit": limit}).fetchall()]
            return [self._named(row) for row in found] if named else found

    def aside(self, after_seq: int, limit: int) -> list[Row]:
        """The events that were set aside, in order."""
        with self._translated():
            self._ready()
            query = "SELECT seq, type, wall, coalesce(body, x'') FROM aside WHERE seq > ? ORDER BY seq LIMIT ?"
            return [self._named(Row(*fields)) for fields in self._reader.execute(query, (after_seq, limit)).fetchall()]

    def _named(self, row: Row) -> Row:
        return replace(row, body=revealed(self._reader, row.body))

    def evidence(self, id_: str) -> bytes | None:
        """The blob of a piece of evidence."""
        with self._translated():
            self._ready()
            return evidence_of(self._reader, id_)

    def close(self) -> None:
        """Bring everything into the database file and let go of it. The log stays beside it: its blocks are part of the reserve."""
        if self._lock < 0:
            return
        if self._dead is None and self._suspect is None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
        self._close_files()
        os.close(self._lock)
        self._lock = -1

    # Files

    def _open_files(self) -> None:
        try:
            if self._suspect is not None:
                settle(self.path)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise JournalFull(f"{self.path}: {error.strerror}") from error
        try:
            self._connection = connect(self.path)
            try:
                upgrade(self._connection)
                self._reader = connect_read_only(self.path)
                try:
                    self._load()
                except BaseException:
                    self._reader.close()
                    raise
            except BaseException:
                self._connection.close()
                raise
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, sqlite3.Error) and is_refusal(error):
                raise JournalFull(f"{self.path}: {error}") from error
            raise
        self._space = Space(self._connection, self._descriptor, self._max_mb)
        self._is_open = True

    def _load(self) -> None:
        self._anchor = book_of(self._connection)
        self.epoch = self._anchor.epoch
        row, seq, head = newest_of(self._connection, self._anchor)
        self._position = Position(row, seq, head, self._anchor.acknowledged)

    def _close_files(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        # The reader last: the last connection to close would delete the log, and one that cannot write leaves it.
        self._connection.close()
        self._reader.close()
        # After them, because closing any descriptor of a file drops the process's locks on it.
        os.close(self._descriptor)

    def _prepare_log(self) -> None:
        try:
            self._space.drop_ballast()
            short = wal_of(self.path).stat().st_size < RESERVE_PAGES * PAGE_BYTES
            if self._space.measure().free < 2 * RESERVE_PAGES:
                short = not self._space.grow() and short
            if short and (free := self._space.measure().free) > LEAST_PAGES:
                self._space.fill_log(min(free, RESERVE_PAGES))
        except (sqlite3.Error, OSError) as error:
            # A disk that is full already: a session that was under way must still be resumed, as far as there is room.
            if isinstance(error, sqlite3.Error) and not is_refusal(error):
                self._close_files()
                raise
            self._suspect = None if isinstance(error, sqlite3.Error) and is_full(error) else str(error)

    def _ready(self) -> None:
        """Make sure that the files can be trusted. Raises JournalFull where they cannot be opened, JournalDamaged where they are lost."""
        if self._lock < 0:
            raise ValueError("the journal is closed")
        if self._dead is not None:
            raise self._dead
        if self._suspect is None:
            return
        before = self._position
        self._close_files()
        self._open_files()
        self._suspect = None
        if self._position.row > before.row and self._claim is None:
            self._claim = before.row + 1
        if self._hash_of(before.row) != before.head:
            raise self._condemn("rows that had been stored are gone")

    def _hash_of(self, row: int) -> bytes:
        if row == self._anchor.anchor_row:
            return self._anchor.anchor_hash
        found = self._connection.execute("SELECT hash FROM record WHERE row = ?", (row,)).fetchone()
        return b"" if found is None else found[0]

    def _condemn(self, reason: str) -> JournalDamaged:
        self._close_files()
        self._suspect = reason
        self._dead = JournalDamaged(f"the journal is damaged: {reason}", str(move_aside(self.path)))
        return self._dead

    # Writing

    def _plan(self, entries: Sequence[Entry]) -> Plan:
        plan = Plan(self.epoch, self._position, self._claim)
        for entry in entries:
            before = plan.position, plan.claim
            try:
                statements = plan.add(self._connection, entry)
            except ValueError as error:
                entry.fail(error)
                continue
            if statements and not self._make_room(plan.pages + entry.pages, entry.floor):
                # What comes after a refused one must not be stored before it.
                plan.position, plan.claim = before
                break
            plan.accept(entry, statements)
        return plan

    def _store(self, plan: Plan) -> None:
        before = self._position
        try:
            if plan.statements:
                self._transact(plan)
        except sqlite3.Error as error:
            refusal = self._refusal(error)
            if self._suspect is None or not self._is_stored_after_all(before, plan.position):
                raise refusal from error
        self._position, self._claim = plan.position, plan.claim
        for entry in plan.entries:
            entry.succeed()
        with self._translated():
            self._keep_log_short(plan.pages)

    def _transact(self, plan: Plan) -> None:
        # An acknowledgement alone is not worth a sync: the next durable commit takes it along.
        self._connection.execute(f"PRAGMA synchronous={'FULL' if plan.durable else 'NORMAL'}")
        for last in (False, True):
            try:
                with transaction(self._connection):
                    for statement, values in plan.statements:
                        self._connection.execute(statement, values)
                return
            except sqlite3.OperationalError as error:
                if last or not is_full(error):
                    raise
                # The log could not grow: start it again from its beginning, over what has been brought into the file.
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                self._log_pages = 0

    def _is_stored_after_all(self, before: Position, after: Position) -> bool:
        try:
            with self._translated():
                self._ready()
        except JournalFull:
            return False
        if after.row == before.row or self._position.head != after.head:
            return False
        self._claim = None
        return True

    def _make_room(self, wanted: int, floor: int) -> bool:
        while True:
            pages = self._space.measure()
            in_budget = self._space.within_budget(pages, wanted, floor)
            if in_budget and pages.free - wanted >= floor:
                return True
            if in_budget and self._space.grow():
                continue
            if not self._remove(self._position.row):
                return False

    def _remove(self, upto: int) -> int:
        before = self._anchor.anchor_row
        self._anchor = remove(self._connection, self._anchor, min(upto, last_removable(self._connection, self._position)))
        if removed := self._anchor.anchor_row - before:
            self._keep_log_short(REMOVAL_PAGES)
        return removed

    def _keep_log_short(self, more_pages: int) -> None:
        """Count what has gone into the log; once it is long, bring it into the file: the next commit starts it from its beginning."""
        self._log_pages += more_pages
        if self._log_pages >= LOG_PAGES:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._log_pages = 0

    def _scrub(self) -> None:
        """Where keys have been destroyed, write over the copies of them in the log; what cannot be done now is done a minute later."""
        try:
            if not self._connection.execute("SELECT scrub FROM meta").fetchone()[0]:
                return
            if self._space.overwrite_log(wal_of(self.path)):
                with transaction(self._connection):
                    self._connection.execute("UPDATE meta SET scrub = 0")
            self._log_pages = 0
        except (sqlite3.Error, OSError) as error:
            # What was asked is stored; only the log could not be cleared, and ``scrub`` says so until it is.
            if isinstance(error, sqlite3.Error) and not is_refusal(error):
                raise
            if not (isinstance(error, sqlite3.Error) and is_full(error)):
                self._suspect = str(error)

    # Trouble

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._refusal(error) from error

    def _refusal(self, error: sqlite3.Error) -> StoreError:
        """What an error of SQLite means for whoever asked; the error itself where it is a bug of ours."""
        if is_damage(error):
            return self._condemn(str(error))
        if not is_refusal(error):
            raise error
        if not is_full(error):
            self._suspect = str(error)
        return JournalFull(f"{self.path}: {error}")

    def _weigh(self) -> None:
        """Take stock of the space. Trouble met here is only remembered: what was asked has been answered."""
        unsent = self._position.seq - self._position.acknowledged
        if not self._is_open or self._suspect is not None:
            self._pressure = replace(self._pressure, unsent=unsent, room="full")
            return
        try:
            pages = self._space.measure()
            kept_rows = max(1, self._position.row - self._anchor.anchor_row)
            removable = max(0, last_removable(self._connection, self._position) - self._anchor.anchor_row)
            aside = self._connection.execute("SELECT count(*) FROM aside").fetchone()[0]
            room = self._space.room(self._space.usable(pages) + pages.used * removable // kept_rows)
        except sqlite3.Error as error:
            self._suspect = str(error)
            self._pressure = replace(self._pressure, unsent=unsent, room="full")
            return
        self._pressure = Pressure(round(pages.used / PAGES_PER_MB, 3), self._max_mb, unsent, aside, room)


def _fail_rest(entries: Sequence[Entry], error: StoreError) -> None:
    for entry in entries:
        if not entry.done:
            entry.fail(error)
