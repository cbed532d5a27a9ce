"""Names of people: what stands for them in everything that is written down, and who knows whom it stands for.

The store's state and its records never hold whom a code was made for, nor the number of the code, but a pseudonym of each. Where the
pseudonyms come from, and the one table that leads back, is the business of ``device.journal.aliases``.
"""

from __future__ import annotations

from typing import Protocol

DAY_S = 86_400.0

KEEP_AFTER_EXPIRY_S = DAY_S
"""How long used codes are remembered after they have expired: by then any clock error has shown."""


UNKNOWN = "nobody of that name is known to this journal"
HERE = "busy: they have a session that runs"
"""Why somebody is not forgotten."""


class Names(Protocol):
    """Pseudonyms for people and their codes, and marks by which what was revoked is recognised."""

    def subject(self, name: str) -> str:
        """What stands for a person; made where there is none."""
        ...

    def code(self, jti: str, subject: str, expires: float) -> str:
        """What stands for the number of a code; made where there is none.

        ``subject`` is the pseudonym of whose code it is, ``expires`` when it ends, in Unix time.
        """
        ...

    def subject_of(self, name: str) -> str | None:
        """What stands for a person already; makes nothing."""
        ...

    def code_of(self, jti: str) -> str | None:
        """What stands for the number of a code already, also where it may no longer be told; makes nothing."""
        ...

    def mark(self, kind: str, text: str) -> str:
        """By what a revoked ``kind`` (``subject``, ``jti``) is recognised. It cannot be read back, and tells nothing of its pseudonym."""
        ...


class _AsTheyAre:
    """Everybody under their own name: for replays and simulations, which write nothing down."""

    def subject(self, name: str) -> str:
        return name

    def code(self, jti: str, subject: str, expires: float) -> str:
        return jti

    def subject_of(self, name: str) -> str | None:
        return name

    def code_of(self, jti: str) -> str | None:
        return jti

    def mark(self, kind: str, text: str) -> str:
        return text


AS_THEY_ARE: Names = _AsTheyAre()
