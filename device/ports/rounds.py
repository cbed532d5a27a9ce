"""Reading many ports in rounds: one awakening for all that has arrived, instead of one for each line of each scale.

To be woken costs more than to read: an idle core has to be woken, the event loop to turn, caches to be filled again. Thirty-two scales at
50 Hz are 1,600 lines a second; in rounds of 20 ms they are 50 awakenings. What arrives after a silence is read at once; only what comes
within a round of it waits for the next. That is all the delay there is.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from device.ports.clock import uptime

ROUND_S = 0.02
"""With one read of 4 KiB a round a port carries 200 kB/s: eighteen times a line of 115 200 baud."""


class Rounds:
    """The ports of one event loop that are waited for together. ``of`` gives it; it is there as long as a port is.

    An epoll of its own stands for all ports in the event loop, and only while there is silence.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._readable: dict[int, Callable[[float], None]] = {}
        self._next: asyncio.TimerHandle | None = None
        loop.add_reader(self._epoll.fileno(), self._woken)

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop) -> Rounds:
        """The rounds of an event loop, begun where there are none."""
        if loop not in _rounds:
            _rounds[loop] = Rounds(loop)
        return _rounds[loop]

    def join(self, fd: int, readable: Callable[[float], None]) -> None:
        """From now on ``readable`` is called when there is something to read, or the other end is gone. It must not raise.

        It is told the time of the round (``device.ports.clock.uptime``).
        """
        self._epoll.register(fd, select.EPOLLIN)
        self._readable[fd] = readable

    def leave(self, fd: int) -> None:
        """No more of it. To be called before the descriptor is closed; the last one ends the rounds."""
        del self._readable[fd]
        self._epoll.unregister(fd)
        if self._readable:
            return
        if self._next is not None:
            self._next.cancel()
        else:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        del _rounds[self._loop]

    def _woken(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._next = self._loop.call_later(ROUND_S, self._round)
        self._read_all()

    def _round(self) -> None:
        self._next = self._loop.call_later(ROUND_S, self._round)
        if not self._read_all():
            self._next.cancel()
            self._next = None
            self._loop.add_reader(self._epoll.fileno(), self._woken)

    def _read_all(self) -> bool:
        """Read every port that has something. Whether any had: what is read may end a port, and the last port the rounds."""
        ready = self._epoll.poll(0)
        at = uptime()
        for fd, _ in ready:
            readable = self._readable.get(fd)
            if readable is not None:
                readable(at)
        return bool(ready)


_rounds: dict[asyncio.AbstractEventLoop, Rounds] = {}
"""By event loop; an entry goes with its last port."""
