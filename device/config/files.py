"""Files that a configuration names: where they are, and reading them within bounds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from device.config.faults import Faults, shown_path

CREDENTIALS = "$CREDENTIALS_DIRECTORY/"


def resolve(path: Path, folder: Path) -> Path:
    """Where a path of the configuration points: relative ones start at the folder of the configuration file."""
    return Path(os.path.normpath(folder / path))


def secret_path(path: Path, folder: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where a secret is: a file, or a systemd credential (systemd.exec(5), LoadCredential=).

    ``$CREDENTIALS_DIRECTORY/NAME`` is always a credential; a bare ``NAME`` is one where systemd has passed a credential of that name, and
    otherwise a file beside the configuration. Nothing is opened. Without systemd the former stays as it is written, and is not found.
    """
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    text = str(path)
    if text.startswith(CREDENTIALS):
        return Path(credentials, text.removeprefix(CREDENTIALS)) if credentials else path
    if credentials and path.name == text and Path(credentials, text).is_file():
        return Path(credentials, text)
    return resolve(path, folder)


def read_bytes(path: Path, at_most: int, place: str, faults: Faults) -> bytes | None:
    """The contents of a file, or None and a fault at ``place`` (a path in the configuration)."""
    try:
        if path.exists() and not path.is_file():
            faults.add(place, shown_path(path), "must be a file")
            return None
        with path.open("rb") as file:
            content = file.read(at_most + 1)
    except FileNotFoundError:
        hint = ": CREDENTIALS_DIRECTORY is not set" if str(path).startswith(CREDENTIALS) else ""
        faults.add(place, shown_path(path), f"no such file{hint}")
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, PermissionError):
            reason += "; must be readable for the account that the store runs as"
        faults.add(place, shown_path(path), f"cannot be read: {reason}")
        return None
    if len(content) > at_most:
        faults.add(place, shown_path(path), f"is longer than {at_most // 1024} KiB")
        return None
    return content


def read_text(path: Path, at_most: int, place: str, faults: Faults) -> str | None:
    """The same as UTF-8 text, without a byte order mark."""
    content = read_bytes(path, at_most, place, faults)
    if content is None:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        faults.add(place, shown_path(path), f"is not UTF-8: line {line} has the byte 0x{content[error.start]:02X}")
        return None
