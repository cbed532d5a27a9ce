"""Aliases: the one place that knows whom a pseudonym stands for, beside the chain, so that it can be forgotten and the chain still holds.

A person's pseudonym is random (``p-`` and 96 bits), made when they are first written about; so is that of the number of a code (``c-``).
The table ``alias`` holds what each stands for, sealed (ChaCha20-Poly1305, RFC 8439) under a random key of its own, and ``secret`` holds
the keys. To forget is to overwrite the key. That keys have a table apart is for SQLite: a row that it moves between pages may leave a copy
behind, and a sealed name without its key says nothing. Rows of ``secret`` never move: they are added at the end, all have one size, are
never deleted, and are overwritten where they lie.

What was revoked is recognised by a mark, HMAC-SHA256 under the journal's own ``mark_key``: it names nobody, and outlasts forgetting. So
does a used code's, until the code has ended, because a person who is forgotten must not enter twice with one code.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from device.domain.record import record

PSEUDONYM_BYTES = 12
KEY_BYTES = 32
NO_KEY = bytes(KEY_BYTES)
_NONCE = bytes(12)
"""Each key seals one name, so its nonce need not differ."""

_PUBLISHED = re.compile(rb'"(subject|jti)":"([pc]-[0-9a-f]{24})"')
"""Where an envelope has a pseudonym. In a text that somebody else has chosen the quotes would be escaped."""

_OPENED = "SELECT sealed, key FROM alias JOIN secret USING (slot) WHERE pseudonym = ? AND free = 0"

PORTION = 500
"""So many aliases are let go in one transaction."""


@record
class Alias:
    """A pseudonym that is yet to be stored. Of a code ``owner`` is its subject's pseudonym, ``until`` when it ends (Unix time).

    ``sealed`` None: it was forgotten before it was stored, and only its ``mark`` is kept.
    """

    pseudonym: str
    sealed: bytes | None
    key: bytes = field(repr=False)
    owner: str | None = None
    until: float | None = None
    mark: str | None = None


@record
class Parting:
    """What is to be forgotten: a subject's pseudonyms.

    ``marks`` stay for those of their codes that have been used and may not have ended, as (pseudonym, mark).
    """

    pseudonyms: tuple[str, ...]
    marks: tuple[tuple[str, str], ...]


@record
class _Code:
    pseudonym: str
    owner: str | None
    until: float | None


class Names:
    """The pseudonyms of one journal (``device.domain.names.Names``), in memory; used from the event loop alone.

    Every subject of whom the journal still has events is held, some 200 bytes each; of codes those that count as used.
    """

    def __init__(self, mark_key: bytes) -> None:
        self._mark_key = mark_key
        self._subjects: dict[str, str] = {}
        self._codes: dict[str, _Code] = {}
        self._marked: dict[str, str] = {}
        self._pending: dict[str, Alias] = {}
        self._parting: dict[str, Parting] = {}

    # What the store asks (``device.domain.names.Names``)

    def subject(self, name: str) -> str:
        known = self._subjects.get(name)
        if known is None:
            known = self._subjects[name] = self._make("p", name)
        return known

    def code(self, jti: str, subject: str, expires: float) -> str:
        known = self.code_of(jti)
        if known is None:
            known = self._make("c", jti, subject, expires)
            self._codes[jti] = _Code(known, subject, expires)
        return known

    def subject_of(self, name: str) -> str | None:
        return self._subjects.get(name)

    def code_of(self, jti: str) -> str | None:
        known = self._codes.get(jti)
        return known.pseudonym if known is not None else self._marked.get(self.mark("jti", jti))

    def mark(self, kind: str, text: str) -> str:
        return "m-" + hmac.new(self._mark_key, f"{kind}:{text}".encode(), hashlib.sha256).hexdigest()[:32]

    def _make(self, sort: str, name: str, owner: str | None = None, until: float | None = None) -> str:
        pseudonym, key = f"{sort}-{secrets.token_hex(PSEUDONYM_BYTES)}", secrets.token_bytes(KEY_BYTES)
        sealed = ChaCha20Poly1305(key).encrypt(_NONCE, name.encode(), pseudonym.encode())
        self._pending[pseudonym] = Alias(pseudonym, sealed, key, owner, until)
        return pseudonym

    # What the journal does with them

    @property
    def pending(self) -> tuple[Alias, ...]:
        """What is to be stored with the next commit."""
        return tuple(self._pending.values())

    def stored(self, aliases: Iterable[Alias]) -> None:
        """These are on the disk."""
        for alias in aliases:
            if self._pending.get(alias.pseudonym) is alias:
                del self._pending[alias.pseudonym]

    def part(self, subject: str) -> Parting:
        """Know a person no longer: from now on they are somebody else. What is returned is to be destroyed, and then ``parted`` called."""
        earlier = self._parting.get(subject, Parting((), ()))
        known = self._subjects.pop(subject, None)
        gone = (*earlier.pseudonyms, *([known] if known is not None else []))
        marks = dict(earlier.marks)
        for jti, code in [(jti, code) for jti, code in self._codes.items() if code.owner in gone]:
            mark = marks[code.pseudonym] = self.mark("jti", jti)
            self._marked[mark] = code.pseudonym
            del self._codes[jti]
        for alias in [alias for alias in self._pending.values() if alias.pseudonym in gone or alias.owner in gone]:
            del self._pending[alias.pseudonym]
            if alias.pseudonym in marks:
                self._pending[alias.pseudonym] = replace(alias, sealed=None, key=NO_KEY, owner=None, mark=marks[alias.pseudonym])
        parting = self._parting[subject] = Parting(gone, tuple(marks.items()))
        return parting

    def parted(self, subject: str) -> None:
        """Their keys are destroyed."""
        self._parting.pop(subject, None)

    def drop(self, pseudonyms: Collection[str]) -> None:
        """The journal has let these go: nothing is written about them any more."""
        if pseudonyms:
            self._subjects = {name: known for name, known in self._subjects.items() if known not in pseudonyms}
            self._codes = {jti: code for jti, code in self._codes.items() if code.pseudonym not in pseudonyms}
            self._marked = {mark: known for mark, known in self._marked.items() if known not in pseudonyms}

    def keep_codes(self, used: Collection[str]) -> None:
        """Of codes, remember only these."""
        if len(self._codes) > len(used):
            self._codes = {jti: code for jti, code in self._codes.items() if code.pseudonym in used}

    def recall(self, connection: sqlite3.Connection) -> None:
        """Learn who there is, at the start."""
        query = "SELECT pseudonym, sealed, key FROM alias JOIN secret USING (slot) WHERE owner IS NULL AND until IS NULL AND free = 0"
        for pseudonym, sealed, key in connection.execute(query):
            if (name := _opened(pseudonym, sealed, key)) is not None:
                self._subjects[name] = pseudonym
        for mark, pseudonym in connection.execute("SELECT mark, pseudonym FROM alias WHERE mark IS NOT NULL"):
            self._marked[mark] = pseudonym

    def recall_codes(self, connection: sqlite3.Connection, used: Iterable[str]) -> None:
        """Learn the numbers of these codes, which count as used."""
        for pseudonym in used:
            found = connection.execute("SELECT owner, until FROM alias WHERE pseudonym = ?", (pseudonym,)).fetchone()
            if found is not None and (jti := name_of(connection, pseudonym)) is not None:
                self._codes[jti] = _Code(pseudonym, *found)


def _opened(pseudonym: str, sealed: bytes, key: bytes) -> str | None:
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, pseudonym.encode()).decode()
    except (InvalidTag, ValueError):
        return None


def name_of(connection: sqlite3.Connection, pseudonym: str) -> str | None:
    """Whom or what a pseudonym stands for; None: nobody knows, or no longer."""
    found = connection.execute(_OPENED, (pseudonym,)).fetchone()
    return None if found is None else _opened(pseudonym, *found)


def revealed(connection: sqlite3.Connection, body: bytes) -> bytes:
    """An envelope with the names in the place of the pseudonyms, as far as they are known."""
    return reveal(body, lambda pseudonym: name_of(connection, pseudonym))


def reveal(body: bytes, lookup: Callable[[str], str | None]) -> bytes:
    """An envelope with what ``lookup`` knows in the place of its pseudonyms."""

    def told(found: re.Match[bytes]) -> bytes:
        name = lookup(found[2].decode())
        return found[0] if name is None else b'"%b":%b' % (found[1], json.dumps(name, ensure_ascii=False).encode())

    return _PUBLISHED.sub(told, body)


def pseudonyms_in(body: bytes) -> list[str]:
    """The pseudonyms that an envelope has."""
    return [found[1].decode() for found in _PUBLISHED.findall(body)]


# Statements, for the writer

Statement = tuple[str, tuple[object, ...]]

_ADD = (
    "INSERT OR IGNORE INTO alias (pseudonym, slot, sealed, owner, until, mark, row) VALUES (?,"
    " coalesce((SELECT min(slot) FROM secret WHERE free = 1), (SELECT coalesce(max(slot), 0) + 1 FROM secret)), ?, ?, ?, NULL, ?)"
)
_ADD_KEY = (
    "INSERT INTO secret (slot, free, key) SELECT slot, 0, ? FROM alias WHERE pseudonym = ?"
    " ON CONFLICT (slot) DO UPDATE SET free = 0, key = excluded.key"
)
_ADD_MARK = "INSERT OR IGNORE INTO alias (pseudonym, slot, sealed, owner, until, mark, row) VALUES (?, NULL, NULL, NULL, ?, ?, ?)"
_DESTROY_KEYS = "UPDATE secret SET free = 1, key = ? WHERE slot IN (SELECT slot FROM alias WHERE pseudonym = ? OR owner = ?)"


def adding(aliases: Sequence[Alias], row: int) -> list[Statement]:
    """Store aliases, with the commit that begins with ``row``. Twice is once."""
    statements: list[Statement] = []
    for alias in aliases:
        if alias.sealed is None:
            statements.append((_ADD_MARK, (alias.pseudonym, alias.until, alias.mark, row)))
        else:
            statements.append((_ADD, (alias.pseudonym, alias.sealed, alias.owner, alias.until, row)))
            statements.append((_ADD_KEY, (alias.key, alias.pseudonym)))
    return statements


def touching(body: bytes, row: int) -> list[Statement]:
    """Remember that a row tells of those whose pseudonyms are in it."""
    return [("UPDATE alias SET row = ? WHERE pseudonym = ?", (row, pseudonym)) for pseudonym in pseudonyms_in(body)]


def destroying(parting: Parting) -> list[Statement]:
    """Destroy keys, and note that the log has copies of them."""
    statements: list[Statement] = [(_DESTROY_KEYS, (NO_KEY, each, each)) for each in parting.pseudonyms]
    marked = "UPDATE alias SET slot = NULL, sealed = NULL, owner = NULL, mark = ? WHERE pseudonym = ?"
    statements += [(marked, (mark, code)) for code, mark in parting.marks]
    statements += [("DELETE FROM alias WHERE pseudonym = ? OR owner = ?", (each, each)) for each in parting.pseudonyms]
    return [*statements, ("UPDATE meta SET scrub = 1", ())] if statements else []


def unneeded(connection: sqlite3.Connection, anchor_row: int, ended_before: float, in_use: Collection[str]) -> list[str]:
    """A portion of the aliases of whom the journal no longer has rows, and of the codes that have long ended."""
    query = (
        "SELECT pseudonym FROM alias WHERE (row <= :anchor AND (until IS NULL OR until < :ended))"
        " OR (mark IS NOT NULL AND until < :ended) LIMIT :limit"
    )
    limit = PORTION + len(in_use)
    found = connection.execute(query, {"anchor": anchor_row, "ended": ended_before, "limit": limit}).fetchall()
    return [pseudonym for (pseudonym,) in found if pseudonym not in in_use][:PORTION]


def letting_go(pseudonym: str) -> list[Statement]:
    """Destroy the key of one alias. Its copies in the log go as the log is written anew."""
    return [
        ("UPDATE secret SET free = 1, key = ? WHERE slot = (SELECT slot FROM alias WHERE pseudonym = ?)", (NO_KEY, pseudonym)),
        ("DELETE FROM alias WHERE pseudonym = ?", (pseudonym,)),
    ]
