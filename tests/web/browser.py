"""A real Chromium without a window, for tests: driven over a pipe by the DevTools protocol, with a profile of its own, reaped at its end.

::

    async with Browser(tmp_path) as browser:
        await browser.open(url)
        await browser.until("document.title === 'Store'")
        png = await browser.screenshot(390, 844)
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-breakpad",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
ANSWERS_WITHIN_S = 30.0


class Browser:
    """One browser with one page. ``faults`` are the errors that the page has written to its console, and what CSP has refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults: list[str] = []
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None

    async def __aenter__(self) -> Self:
        assert BINARY is not None, "the tests need the Debian package chromium"
        commands_out, commands_in = os.pipe()
        answers_out, answers_in = os.pipe()
        loop = asyncio.get_running_loop()
        # the shell puts the pipes on descriptors 3 and 4, where Chromium wants them
        script = f'exec "$@" 3<&{commands_out} 4>&{answers_in}'
        self._process = await asyncio.create_subprocess_exec(
            "/bin/bash",
            "-c",
            script,
            "chromium",
            BINARY,
            *SWITCHES,
            f"--user-data-dir={self._folder / 'chromium'}",
            "about:blank",
            pass_fds=(commands_out, answers_in),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": str(self._folder)},
        )
        os.close(commands_out)
        os.close(answers_in)
        self._to, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(commands_in, "wb", 0))
        self._from, _ = await loop.connect_read_pipe(lambda: _Lines(self._heard), os.fdopen(answers_out, "rb", 0))
        targets = await self.call("Target.getTargets")
        page = next(target["targetId"] for target in targets["targetInfos"] if target["type"] == "page")
        self._session = (await self.call("Target.attachToTarget", targetId=page, flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._to.close()
        self._from.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def value(self, script: str) -> Any:
        """What an expression is in the page."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def until(self, script: str, within_s: float = ANSWERS_WITHIN_S) -> None:
        """Wait until an expression is true in the page."""
        try:
            async with asyncio.timeout(within_s):
                while not await self.value(f"Boolean({script})"):  # noqa: ASYNC110  # what a page shows it tells nobody
                    await asyncio.sleep(0.03)
        except TimeoutError:
            text = await self.value("document.body.innerText")
            raise AssertionError(f"never true: {script}; the page says:\n{text}") from None

    async def text(self, selector: str = "body") -> str:
        """What is read in the page (hidden text is not)."""
        return str(await self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    async def screenshot(self, width: int, height: int, *, dark: bool = False, whole: bool = False) -> bytes:
        """A PNG of a window of this size, or of the whole page at this width."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        if whole:
            height = int(await self.value("document.documentElement.scrollHeight"))
            await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        taken = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(taken["data"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        self._to.write(json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            found = await answer
        assert "error" not in found, f"{method}: {found['error']}"
        result: dict[str, Any] = found["result"]
        return result

    def _heard(self, line: bytes) -> None:
        message = json.loads(line)
        waiting = self._answers.pop(message.get("id", 0), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        match message.get("method"), message.get("params"):
            case "Runtime.exceptionThrown", {"exceptionDetails": details}:
                self.faults.append(str(details.get("exception", details)))
            case "Log.entryAdded", {"entry": {"level": "error", "source": source, "text": text, **rest}} if source != "network":
                self.faults.append(f"{text} {rest.get('url', '')}")
            case "Runtime.consoleAPICalled", {"type": "error", "args": arguments}:
                self.faults.append(str(arguments))


class _Lines(asyncio.Protocol):
    """Messages that end in a zero byte."""

    def __init__(self, heard: Any) -> None:
        self._heard = heard
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\0")
        for line in lines:
            self._heard(line)
