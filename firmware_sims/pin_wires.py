"""The store's side of the GPIO pins: which contact is wired to which pin, and what the outputs drive. ``pins`` is the other side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from firmware_sims.sockets import LineServer, Message

Closed = Callable[[], bool]
Driven = Callable[[int | None], None]


class PinWires:
    """All pins of the store's computer. A pin keeps its level when the process that drove it dies without releasing it, as the
    kernel of a Raspberry Pi does (raspberrypi/linux pull request 6117)."""

    quantum_s = 0.02

    def __init__(self) -> None:
        self._contacts: dict[int, Closed] = {}
        self._outputs: dict[int, Driven] = {}
        self._told: dict[int, bool] = {}
        self._server: LineServer | None = None
        self.levels: dict[int, int | None] = {}
        """What each output drives now; None: nothing."""
        self.cut: set[int] = set()
        """Pins whose wire is cut: the contact reads open."""

    @property
    def used(self) -> bool:
        return bool(self._contacts or self._outputs)

    def contact(self, pin: int, closed: Closed) -> None:
        """Wire a contact to a pin."""
        self._contacts[pin] = closed

    def output(self, pin: int, driven: Driven) -> None:
        """Wire something that listens to a pin: it is told the level, or None when the pin drives nothing."""
        self._outputs[pin] = driven

    def serve(self, path: Path) -> LineServer:
        """The socket of these pins; not open yet."""
        self._server = LineServer(path, self._hear, self._greet)
        return self._server

    def tick(self, dt: float) -> None:
        """Tell what has changed."""
        for pin in self._contacts:
            closed = self._closed(pin)
            if self._told.get(pin) != closed:
                self._told[pin] = closed
                if self._server is not None:
                    self._server.broadcast({"pin": pin, "closed": closed})

    def _closed(self, pin: int) -> bool:
        return pin not in self.cut and self._contacts[pin]()

    def _greet(self) -> Iterator[Message]:
        for pin in self._contacts:
            self._told[pin] = self._closed(pin)
            yield {"pin": pin, "closed": self._told[pin]}
        yield {"ready": True}

    def _hear(self, message: Message) -> Message | None:
        match message:
            case {"pin": int(pin), "level": 0 | 1 | None as level} if pin in self._outputs:
                self.levels[pin] = level
                self._outputs[pin](level)
        return None
