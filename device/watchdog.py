"""The service's word to systemd: ready, stopping, and alive only while every task moves (sd_notify(3)).

A watchdog that is fed by a timer of its own tells nothing: a store whose engine hangs would be kept for ever. So each task says ``beat``
when it has got somewhere, and systemd hears of it only when all of them have since it last heard.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Mapping


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell systemd, e.g. ``READY=1``; never blocks. False where nobody has asked (no ``NOTIFY_SOCKET``) or nobody takes it.

    The address is a path or, starting with ``@``, an abstract name. That nobody takes it is no reason to stop a store: systemd ends a
    service that it does not hear of.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(lines).encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return False
    return True


def ready(status: str = "", environ: Mapping[str, str] = os.environ) -> bool:
    """The journal is recovered and the doors are in a safe state."""
    return notify("READY=1", *_status(status), environ=environ)


def stopping(status: str = "", environ: Mapping[str, str] = os.environ) -> bool:
    """The end has begun."""
    return notify("STOPPING=1", *_status(status), environ=environ)


def status(text: str, environ: Mapping[str, str] = os.environ) -> bool:
    """One line for ``systemctl status``."""
    return notify(*_status(text), environ=environ)


def _status(text: str) -> list[str]:
    return [f"STATUS={' '.join(text.split())}"] if text else []


def period_s(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """How often systemd wants to be petted: half of its limit. None: no limit, or one for another process (sd_watchdog_enabled(3))."""
    limit_us, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not limit_us.isdigit() or int(limit_us) == 0:
        return None
    if meant and meant != str(os.getpid() if pid is None else pid):
        return None
    return int(limit_us) / 2_000_000


class Watchdog:
    """Pets systemd as long as every one of ``tasks`` has moved since it was last petted."""

    def __init__(self, tasks: Iterable[str] = (), environ: Mapping[str, str] = os.environ) -> None:
        self._moved = dict.fromkeys(tasks, False)
        self._environ = environ

    def expect(self, task: str) -> None:
        """From now on this task must move, too. It counts as having moved just now."""
        self._moved[task] = True

    def forget(self, task: str) -> None:
        """The task has ended, as it should."""
        self._moved.pop(task, None)

    def beat(self, task: str) -> None:
        """The task has got somewhere. Raises KeyError for one that is not expected: a beat that nobody counts is a bug."""
        if task not in self._moved:
            raise KeyError(task)
        self._moved[task] = True

    @property
    def still(self) -> tuple[str, ...]:
        """The tasks that have not moved since systemd was last petted."""
        return tuple(task for task, moved in self._moved.items() if not moved)

    def pet(self) -> bool:
        """Pet systemd if every task has moved; otherwise name, in its status, those that have not."""
        if self.still:
            notify(f"STATUS=not moving: {', '.join(self.still)}", environ=self._environ)
            return False
        notify("WATCHDOG=1", environ=self._environ)
        self._moved = dict.fromkeys(self._moved, False)
        return True

    async def run(self) -> None:
        """Pet until cancelled. Returns at once where systemd has set no limit.

        A quarter of the limit is the step, so that a task that moves once in half of it is in time.
        """
        period = period_s(self._environ)
        if period is None:
            return
        while True:
            self.pet()
            await asyncio.sleep(period / 2)
