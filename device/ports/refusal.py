"""Why a port or a chip of the machine cannot be opened, in words that say what to do about it. Looks only, and only after it went wrong."""

from __future__ import annotations

import errno
import grp
import os
import stat
from pathlib import Path

LOCKS = Path("/proc/locks")
PROCESSES = Path("/proc")


def why_not(path: str, error: Exception) -> str:
    """Why ``path`` could not be opened, given what was raised for it."""
    match getattr(error, "errno", None):
        case errno.ENOENT:
            return f"no such port: {path}"
        case errno.EACCES | errno.EPERM:
            return no_permission(path)
        case errno.EWOULDBLOCK | errno.EBUSY:
            holder = holder_of(path)
            return f"{path} is open in another program" + (f": {holder}" if holder else "")
        case errno.EIO | errno.ENXIO | errno.ENODEV:
            return f"{path} is there, its device is not"
        case _:
            return f"{path}: {error}"


def no_permission(path: str) -> str:
    """Which group a user has to be in to open ``path``; where no group may, that udev has to give it to one."""
    try:
        status = Path(path).stat()
    except OSError:
        return f"permission denied: {path}"
    group = group_name(status.st_gid)
    if status.st_mode & stat.S_IRGRP and status.st_mode & stat.S_IWGRP:
        return f"permission denied: {path} is open to group {group}; add this program's user to it"
    return f"permission denied: {path} is closed to its group {group} too; a udev rule has to open it to one"


def group_name(number: int) -> str:
    """The name of a group, its number where it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def holder_of(path: str) -> str:
    """The program that has locked ``path`` (flock), by name and process id; empty where the kernel does not tell."""
    try:
        status = Path(path).stat()
        locks = LOCKS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    wanted = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in locks.splitlines():
        fields = line.split()
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5] == wanted:
            return _program(fields[4])
    return ""


def _program(process: str) -> str:
    try:
        name = (PROCESSES / process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = ""
    return f"{name} (process {process})" if name else f"process {process}"
