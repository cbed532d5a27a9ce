"""The GPIO pins of a simulated store, in the process that drives them: a gpiozero pin factory named ``smartstore-sim``.

It joins the process to the simulated store by the socket named in ``SMARTSTORE_SIM_PINS``; both sides say JSON lines:

- ``{"pin": 17, "level": 1}`` from here: an output was driven (``null``: the pin is an input again, so it drives nothing);
- ``{"pin": 5, "closed": true}`` from the store: the contact wired to this pin closed;
- ``{"ready": true}`` from the store: all contacts have been told.

A contact is a dry one: closed, it ties the pin to ground if the pin is pulled up or floats (an external resistor then pulls it up),
and to the supply if it is pulled down. Levels arrive on a thread of this factory's own, as they do with lgpio.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

from gpiozero.exc import BadPinFactory
from gpiozero.pins.mock import MockFactory, MockPin

SOCKET_VARIABLE = "SMARTSTORE_SIM_PINS"
READY_WITHIN_S = 10.0
AGAIN_AFTER_S = 0.5
LONGEST_LINE = 4096


class SimPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose outputs are told to the store and whose inputs feel its contacts."""

    @property
    def bcm(self) -> int:
        return int(self._number)

    def tell(self) -> None:
        """Say what this pin drives."""
        level = int(self._state) if self._function == "output" else None
        self._factory.say({"pin": self.bcm, "level": level})

    def feel(self) -> None:
        """Take the level that the contact gives, if this is an input; whoever watches the pin is called on this thread."""
        with self._factory.lock:
            closed = self._factory.closed_contact(self.bcm)
            if closed is None or self._function != "input":
                return
            changed = MockPin._change_state(self, closed == (self._pull == "down"))
        watched = ("both", "rising" if self._state else "falling")
        with self._when_changed_lock:
            if changed and self._edges in watched and self._when_changed is not None:
                self._call_watcher()

    def _call_watcher(self) -> None:
        device = getattr(self._when_changed(), "__self__", None)
        try:
            self._call_when_changed()
        except AttributeError:
            # gpiozero's HoldMixin.close forgets its thread before it unhooks the pin; an edge in between finds a device half closed.
            if getattr(device, "_hold_thread", self) is not None:
                raise

    def _set_function(self, value: str) -> None:
        with self._factory.lock:
            was = self._function
            super()._set_function(value)
            if "output" in (was, value):
                self.tell()

    def _set_pull(self, value: str) -> None:
        with self._factory.lock:
            super()._set_pull(value)
        self.feel()

    def _change_state(self, value: bool) -> bool:
        changed = bool(super()._change_state(value))
        if changed and self._function == "output":
            self.tell()
        return changed


class SimPinFactory(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """All pins of this process, joined to one simulated store.

    Raises gpiozero's BadPinFactory where the variable is missing or no store answers at the start. A store that goes away later is
    waited for: outputs are told again when it is back, inputs stay as they were.
    """

    def __init__(self) -> None:
        super().__init__(pin_class=SimPin)
        path = os.environ.get(SOCKET_VARIABLE)
        if not path:
            raise BadPinFactory(f"{SOCKET_VARIABLE} must name the socket of a simulated store")
        self.lock = threading.RLock()
        self._path = path
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._contacts: dict[int, bool] = {}
        try:
            self._socket: socket.socket | None = self._connect()
        except OSError as error:
            raise BadPinFactory(f"no simulated store at {path}: {error}") from error
        self._thread = threading.Thread(target=self._listen, name="pins of the simulated store", daemon=True)
        self._thread.start()
        if not self._ready.wait(READY_WITHIN_S):
            self.close()
            raise BadPinFactory(f"the simulated store at {path} does not tell its contacts")

    def close(self) -> None:
        super().close()
        self._closing.set()
        with self.lock:
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        if self._thread is not threading.current_thread():
            self._thread.join()

    def closed_contact(self, bcm: int) -> bool | None:
        """Whether the contact at this pin is closed; None where nothing is wired to it."""
        return self._contacts.get(bcm)

    def say(self, message: dict[str, Any]) -> None:
        """Tell the store; said into the wind while it is away."""
        with self.lock:
            if self._socket is None:
                return
            try:
                self._socket.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                pass

    def _connect(self) -> socket.socket:
        joined = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            joined.connect(self._path)
        except OSError:
            joined.close()
            raise
        return joined

    def _listen(self) -> None:
        while self._socket is not None:
            try:
                self._hear(self._socket)
            finally:
                with self.lock:
                    self._socket.close()
                    self._socket = None
            while self._socket is None and not self._closing.wait(AGAIN_AFTER_S):
                self._rejoin()

    def _rejoin(self) -> None:
        try:
            joined = self._connect()
        except OSError:
            return
        with self.lock:
            if self._closing.is_set():
                joined.close()
                return
            self._socket = joined
            pins = [pin for pin in self.pins.values() if pin.function == "output"]
        for pin in pins:
            pin.tell()

    def _hear(self, joined: socket.socket) -> None:
        """Until the store hangs up."""
        heard = b""
        while True:
            try:
                data = joined.recv(4096)
            except OSError:
                return
            if not data:
                return
            *lines, heard = (heard + data).split(b"\n")
            for line in lines:
                self._take(line)
            heard = heard[-LONGEST_LINE:]

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return
        match message:
            case {"ready": True}:
                self._ready.set()
            case {"pin": int(bcm), "closed": bool(closed)}:
                with self.lock:
                    self._contacts[bcm] = closed
                    pins = [pin for pin in self.pins.values() if pin.bcm == bcm]
                for pin in pins:
                    pin.feel()
