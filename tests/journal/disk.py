"""A disk that remembers and fails: a shim below SQLite that sees every write and sync of the journal's own, unchanged code.

It wraps the default VFS of the very SQLite library that Python uses. A power cut is then played afterwards: of what had not been synced at
that moment, any 512-byte sector may be old or new. A sync can be made to fail as it does on Linux: some sectors never arrive, their pages
still read as new from the cache, later syncs report success, and the truth appears once the file is closed and opened again.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

SECTOR = 512

Survival = Literal["all", "none", "random"]

_Open = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int))
_Close = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_Write = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("close", _Close),
        ("read", ctypes.c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("rest", ctypes.c_void_p * 13),
    )


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("application", ctypes.c_void_p),
        ("open", _Open),
        ("rest", ctypes.c_void_p * 15),
    )


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that happened to a file. ``offset`` is the new size of a ``truncate``, and the test's own number of a ``mark``."""

    kind: Literal["open", "write", "truncate", "sync", "mark"]
    path: str = ""
    offset: int = 0
    content: bytes = b""


@dataclass
class Platter:
    """One file as it lies on the disk, and what has been written to it since the last sync."""

    image: bytearray
    pending: list[Op] = field(default_factory=list)

    def take(self, op: Op) -> None:
        if op.kind == "sync":
            self.settle("all", random.Random(0))
        else:
            self.pending.append(op)

    def settle(self, survival: Survival, dice: random.Random) -> None:
        """Decide for each sector which of its versions is on the disk from now on."""
        sizes = [len(self.image)]
        current = bytearray(self.image)
        versions: dict[int, list[bytes]] = {}
        for op in self.pending:
            if op.kind == "truncate":
                current = current[: op.offset].ljust(op.offset, b"\0")
            else:
                end = op.offset + len(op.content)
                current.extend(bytes(max(0, end - len(current))))
                current[op.offset : end] = op.content
                for sector in range(op.offset // SECTOR, (end - 1) // SECTOR + 1):
                    versions.setdefault(sector, []).append(bytes(current[sector * SECTOR : (sector + 1) * SECTOR]))
            sizes.append(len(current))
        self.pending.clear()
        if survival == "all":
            self.image = current
        elif survival == "random":
            size = dice.choice(sizes)
            image = self.image[:size].ljust(size, b"\0")
            for sector, contents in versions.items():
                chosen = dice.randrange(len(contents) + 1)
                if chosen and sector * SECTOR < size:
                    content = contents[chosen - 1][: size - sector * SECTOR]
                    image[sector * SECTOR : sector * SECTOR + len(content)] = content
            self.image = image


@dataclass
class Disk:
    """What the shim has seen, and how it is to fail: ``fault(op)`` gives the SQLite code to fail with, or 0."""

    folder: Path
    """Files elsewhere are none of its business."""
    log: list[Op] = field(default_factory=list)
    fault: Callable[[Op], int] = lambda op: 0
    survival: Survival = "random"
    """Of a failed sync: which sectors have arrived all the same."""
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    start: dict[str, bytes] = field(default_factory=dict)
    live: dict[str, Platter] = field(default_factory=dict)
    handles: dict[str, int] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    """Files whose cached pages are not what is on the disk."""

    def mark(self, number: int) -> None:
        """Note in the log that the journal has acknowledged something."""
        self.log.append(Op("mark", offset=number))

    def opened(self, path: str) -> None:
        """Before a file is opened: the cache was dropped, so it reads as it lies on the disk."""
        if path in self.stale and not self.handles.get(path):
            Path(path).write_bytes(self.live[path].image)
            self.stale.discard(path)
        if path not in self.live:
            content = Path(path).read_bytes() if Path(path).exists() else b""
            self.start[path] = content
            self.live[path] = Platter(bytearray(content))
        self.handles[path] = self.handles.get(path, 0) + 1

    def happened(self, op: Op) -> int:
        """Before an operation: the code to fail it with, or 0."""
        if code := self.fault(op):
            if op.kind == "sync":
                self.live[op.path].settle(self.survival, self.dice)
                self.stale.add(op.path)
            return code
        self.log.append(op)
        self.live[op.path].take(op)
        return 0

    def cut(self, at: int, dice: random.Random) -> dict[str, bytes]:
        """The files after a power cut just before operation ``at`` of the log. Only for a log without failed syncs."""
        platters = {path: Platter(bytearray(content)) for path, content in self.start.items()}
        for op in self.log[:at]:
            if op.kind != "mark":
                platters[op.path].take(op)
        for platter in platters.values():
            platter.settle(dice.choice(("all", "none", "random", "random")), dice)
        return {path: bytes(platter.image) for path, platter in platters.items()}

    def cut_now(self) -> dict[str, bytes]:
        """The files after a power cut at this moment."""
        for platter in self.live.values():
            platter.settle("random", self.dice)
        return {path: bytes(platter.image) for path, platter in self.live.items()}

    def marked_before(self, at: int) -> int:
        """The highest number that was acknowledged before operation ``at``."""
        return max((op.offset for op in self.log[:at] if op.kind == "mark"), default=0)


def library() -> Any | None:
    """The SQLite library that Python's module uses; None where it is built into it and cannot be reached."""
    found = ctypes.util.find_library("sqlite3")
    if found is None or sys.platform != "linux":
        return None
    loaded = ctypes.CDLL(found)
    loaded.sqlite3_libversion.restype = ctypes.c_char_p
    if loaded.sqlite3_libversion().decode() != sqlite3.sqlite_version or found not in Path("/proc/self/maps").read_text():
        return None
    return loaded


def in_use_by_python() -> bool:
    """Whether a shim registered in the shared library is seen by Python's module: asked of a process of its own."""
    question = (
        "import ctypes, ctypes.util, sqlite3\n"
        "lib = ctypes.CDLL(ctypes.util.find_library('sqlite3'))\n"
        "lib.sqlite3_vfs_find.restype = ctypes.c_void_p\n"
        "lib.sqlite3_vfs_unregister.argtypes = [ctypes.c_void_p]\n"
        "while vfs := lib.sqlite3_vfs_find(None): lib.sqlite3_vfs_unregister(vfs)\n"
        "try: sqlite3.connect(':memory:').execute('SELECT 1')\n"
        "except sqlite3.Error: print('seen')\n"
    )
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, timeout=30, check=False)
    return answer.stdout.strip() == "seen"


@contextmanager
def watched_disk(folder: Path) -> Iterator[Disk]:
    """While this lasts, every database that this process opens in a folder goes through the shim."""
    sqlite = library()
    assert sqlite is not None
    sqlite.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    sqlite.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
    sqlite.sqlite3_vfs_register.argtypes = [ctypes.POINTER(_Vfs), ctypes.c_int]
    sqlite.sqlite3_vfs_unregister.argtypes = [ctypes.POINTER(_Vfs)]
    below = sqlite.sqlite3_vfs_find(None)
    shim = _Shim(below, Disk(folder))
    sqlite.sqlite3_vfs_register(ctypes.byref(shim.vfs), 1)
    try:
        yield shim.disk
    finally:
        sqlite.sqlite3_vfs_unregister(ctypes.byref(shim.vfs))
        sqlite.sqlite3_vfs_register(below, 1)


class _Shim:
    def __init__(self, below: Any, disk: Disk) -> None:
        self.disk = disk
        self._below = below
        self._paths: dict[int, str] = {}
        self._originals: dict[int, Any] = {}
        self._methods: dict[int, _Methods] = {}
        self.vfs = _Vfs.from_buffer_copy(below.contents)
        self.vfs.name = b"watched"
        self.vfs.open = _Open(self._open)
        self._callbacks = (_Close(self._close), _Write(self._write), _Truncate(self._truncate), _Sync(self._sync))

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:
        # The name itself is handed on, not a copy: SQLite keeps the pointer, and looks for more behind the string.
        path = ctypes.string_at(name).decode() if name else ""
        if Path(path).parent != self.disk.folder:
            path = ""
        if path:
            if code := self.disk.fault(Op("open", path)):
                ctypes.cast(file, ctypes.POINTER(_File)).contents.methods = None
                return code
            self.disk.opened(path)
        code = int(self._below.contents.open(self._below, name, file, flags, out))
        if code or not path:
            if path:
                self.disk.handles[path] -= 1
            return code
        handle = ctypes.cast(file, ctypes.POINTER(_File)).contents
        methods = _Methods.from_buffer_copy(handle.methods.contents)
        methods.close, methods.write, methods.truncate, methods.sync = self._callbacks
        self._paths[file], self._originals[file], self._methods[file] = path, handle.methods.contents, methods
        handle.methods = ctypes.pointer(methods)
        return 0

    def _close(self, file: int) -> int:
        self.disk.handles[self._paths.pop(file)] -= 1
        code = int(self._originals.pop(file).close(file))
        del self._methods[file]
        return code

    def _write(self, file: int, content: int, amount: int, offset: int) -> int:
        op = Op("write", self._paths[file], offset, ctypes.string_at(content, amount))
        return self.disk.happened(op) or int(self._originals[file].write(file, content, amount, offset))

    def _truncate(self, file: int, size: int) -> int:
        return self.disk.happened(Op("truncate", self._paths[file], size)) or int(self._originals[file].truncate(file, size))

    def _sync(self, file: int, flags: int) -> int:
        return self.disk.happened(Op("sync", self._paths[file])) or int(self._originals[file].sync(file, flags))


needs_shim = pytest.mark.skipif(
    library() is None or not in_use_by_python(), reason="Python's SQLite is not a shared library here: no shim can be put below it"
)
