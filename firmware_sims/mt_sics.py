"""A scale that speaks MT-SICS: level 0, and the tare commands of level 1.

Sources: Mettler-Toledo, MT-SICS Interface Command Set, reference manual 11780711 (commands, replies, field widths); AL-IC manual
page 72 and AT manual page 87 (the weight field: ten characters, right aligned, sign inside). 9600 8N1, CR LF both ways.
"""

from __future__ import annotations

import re
from collections import deque

from firmware_sims.sim import Load, Metronome

LONGEST_COMMAND = 128
"""More than this without an end is not a command; the indicator's line buffer is not longer."""
STABLE_TIMEOUT_S = 5.0
"""How long S, Z and T wait for the weight to come to rest before they give up with I."""
COMMANDS = ("@", "D", "DW", "I0", "I1", "I2", "I3", "I4", "S", "SI", "SIR", "SR", "T", "TA", "TAC", "TI", "Z", "ZI")
LEVEL_1 = ("D", "DW", "SR", "T", "TA", "TAC", "TI")
WAITING = ("S", "SR", "T", "Z")


class MtSicsScale:
    """One weighing platform. ``load`` gives grams; the replies are in grams with ``decimals`` places."""

    def __init__(
        self,
        load: Load,
        *,
        serial: str = "B021002593",
        capacity_g: float = 30_000.0,
        decimals: int = 2,
        rate_hz: float = 10.0,
        stable_within_g: float = 5.0,
    ) -> None:
        self._load = load
        self._serial = serial
        self._capacity_g = capacity_g
        self._decimals = decimals
        self._rate_hz = rate_hz
        self._stable_within_g = stable_within_g
        self.power_cycle()

    @property
    def quantum_s(self) -> float:
        return 1 / self._rate_hz

    def power_cycle(self) -> None:
        self._line = bytearray()
        self._window: deque[float] = deque(maxlen=5)
        self._beat = Metronome(1 / self._rate_hz)
        self._gross_g = self._load.sample(0.0)
        self._zero_g = 0.0
        self._tare_g = 0.0
        self._repeat = False
        self._on_change: float | None = None
        self._waiting: str | None = None
        self._waited_s = 0.0
        self._greet = True

    def tick(self, dt: float) -> bytes:
        said = []
        if self._greet:
            self._greet = False
            said.append(self._identity())
        for _ in range(self._beat.beats(dt)):
            self._gross_g = self._load.sample(1 / self._rate_hz)
            self._window.append(self._gross_g)
            if self._repeat:
                said.append(self._weight())
            said += self._changed()
        said += self._settled(dt)
        return b"".join(said)

    def receive(self, data: bytes) -> bytes:
        said = []
        for byte in data:
            self._line.append(byte)
            if self._line.endswith(b"\r\n"):
                said.append(self._obey(bytes(self._line[:-2])))
                self._line.clear()
            elif len(self._line) > LONGEST_COMMAND:
                self._line.clear()
                said.append(b"ES\r\n")
        return b"".join(said)

    @property
    def _stable(self) -> bool:
        return len(self._window) == self._window.maxlen and max(self._window) - min(self._window) <= self._stable_within_g

    def _identity(self) -> bytes:
        return f'I4 A "{self._serial}"\r\n'.encode("ascii")

    def _value(self, grams: float) -> str:
        text = f"{grams:.{self._decimals}f}"
        if float(text) == 0:
            text = text.lstrip("-")
        return f"{text:>10} g"

    def _weight(self, command: str = "S") -> bytes:
        gross_g = self._gross_g - self._zero_g
        if gross_g > self._capacity_g:
            return f"{command} +\r\n".encode()
        if gross_g < -0.02 * self._capacity_g:
            return f"{command} -\r\n".encode()
        return f"{command} {'S' if self._stable else 'D'} {self._value(gross_g - self._tare_g)}\r\n".encode()

    def _obey(self, line: bytes) -> bytes:
        text = line.decode("ascii", "replace")
        name, _, parameters = text.partition(" ")
        if name not in COMMANDS:
            return b"ES\r\n"
        if parameters and name not in ("TA", "D"):
            return f"{name} L\r\n".encode()
        if name in ("S", "SI", "SIR", "SR", "@"):
            self._repeat = False
            self._on_change = None
        if name in WAITING:
            self._waiting = name
            self._waited_s = 0.0
            return b"".join(self._settled(0.0))
        match name:
            case "SI":
                return self._weight()
            case "SIR":
                self._repeat = True
                return self._weight()
            case "@":
                self._waiting = None
                self._tare_g = 0.0
                return self._identity()
            case "D":
                return b"D A\r\n" if re.fullmatch(r'"[^"]*"', parameters) else b"D L\r\n"
            case "DW":
                return b"DW A\r\n"
            case _:
                return self._tell(name) if name.startswith("I") else self._tare(name, parameters)

    def _tell(self, name: str) -> bytes:
        match name:
            case "I0":
                listed = [f'{1 if command in LEVEL_1 else 0} "{command}"' for command in COMMANDS]
                return "".join(f"I0 {'A' if entry is listed[-1] else 'B'} {entry}\r\n" for entry in listed).encode()
            case "I1":
                return b'I1 A "01" "2.30" "2.22" "" ""\r\n'
            case "I2":
                return f'I2 A "Shelf scale {self._value(self._capacity_g).strip()}"\r\n'.encode()
            case "I3":
                return b'I3 A "1.00 10.28.0.493.142"\r\n'
            case _:
                return self._identity()

    def _tare(self, name: str, parameters: str) -> bytes:
        gross_g = self._gross_g - self._zero_g
        match name:
            case "TI":
                self._tare_g = gross_g
                return f"TI {'S' if self._stable else 'D'} {self._value(self._tare_g)}\r\n".encode()
            case "TAC":
                self._tare_g = 0.0
                return b"TAC A\r\n"
            case "TA":
                if parameters:
                    preset = re.fullmatch(r"(\d{1,8}(?:\.\d+)?) g", parameters)
                    if preset is None or float(preset[1]) > self._capacity_g:
                        return b"TA L\r\n"
                    self._tare_g = float(preset[1])
                return f"TA A {self._value(self._tare_g)}\r\n".encode()
            case _:
                return self._zero("ZI", "S" if self._stable else "D")

    def _zero(self, name: str, done: str) -> bytes:
        offset_g = self._gross_g
        if abs(offset_g) > 0.02 * self._capacity_g:
            return f"{name} {'+' if offset_g > 0 else '-'}\r\n".encode()
        self._zero_g = offset_g
        self._tare_g = 0.0
        return f"{name} {done}\r\n".encode()

    def _settled(self, dt: float) -> list[bytes]:
        """What a command that waits for rest has to say after ``dt`` more."""
        if self._waiting is None:
            return []
        name = self._waiting
        self._waited_s += dt
        if not self._stable:
            if self._waited_s < STABLE_TIMEOUT_S:
                return []
            self._waiting = None
            return [f"{'S' if name == 'SR' else name} I\r\n".encode()]
        self._waiting = None
        if name == "Z":
            return [self._zero("Z", "A")]
        if name == "T":
            self._tare_g = self._gross_g - self._zero_g
            return [f"T S {self._value(self._tare_g)}\r\n".encode()]
        if name == "SR":
            self._on_change = self._gross_g
        return [self._weight()]

    def _changed(self) -> list[bytes]:
        """SR: the weight again whenever it has moved by an eighth of the last stable one, and at least 30 digits; then at rest."""
        if self._on_change is None:
            return []
        moved_g = abs(self._gross_g - self._on_change)
        if moved_g < max(abs(self._on_change) * 0.125, 30 * 10.0**-self._decimals):
            return []
        self._on_change = None
        self._waiting = "SR"
        self._waited_s = 0.0
        return [self._weight()]
