"""Files of the kernel that take long to read, such as a thermometer that measures while it is read."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

LONGEST = 4096
PARTING_S = 1.5
"""How long an abandoned reading is waited for: a conversion takes 0.75 s, and a stop of the program 5 s at most."""


class SlowFile:
    """One file, read in a thread of its own so that nobody else waits. At most one thread at a time, and none between readings.

    The kernel cannot be interrupted in a read. A reading that is cancelled is therefore waited for, up to ``PARTING_S``; one that never
    returns (a hung bus) leaves its thread behind, and no further one is started until it has ended. The thread is a daemon, because a
    pool's thread would hold up the end of the program.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: threading.Thread | None = None

    async def read(self, timeout_s: float) -> bytes:
        """The contents, at most ``LONGEST`` bytes.

        Raises OSError as the kernel gives it; TimeoutError when this reading, or an earlier one, has not returned.
        """
        if self._thread is not None and self._thread.is_alive():
            raise TimeoutError("an earlier reading has not returned")
        loop = asyncio.get_running_loop()
        result: asyncio.Future[bytes] = loop.create_future()
        self._thread = threading.Thread(target=self._read, args=(loop, result), name=f"read {self._path}", daemon=True)
        self._thread.start()
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(result)
        except asyncio.CancelledError:
            await asyncio.wait({result}, timeout=PARTING_S)
            raise
        finally:
            if result.done():
                self._thread.join()
                result.exception()
            else:
                result.cancel()

    def _read(self, loop: asyncio.AbstractEventLoop, result: asyncio.Future[bytes]) -> None:
        """Runs in the thread."""
        content, failure = b"", None
        try:
            with self._path.open("rb", buffering=0) as file:
                content = file.read(LONGEST) or b""
        except OSError as error:
            failure = error
        # The loop may have ended while the kernel was busy.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, result, content, failure)


def _settle(result: asyncio.Future[bytes], content: bytes, failure: OSError | None) -> None:
    if result.done():
        return
    if failure is None:
        result.set_result(content)
    else:
        result.set_exception(failure)
