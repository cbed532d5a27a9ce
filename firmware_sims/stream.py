"""Weighing indicators that stream ASCII: A&D standard format, CAS 22 bytes, and NCI (SCP-01), which is asked.

Sources: A&D EK-L manual page 28, EK-AEP page 28, AD-4404 page 80 (the form with GS and NT); CAS CI-600D manual page 75 and CI-150A
page 55 (22 bytes, lamp byte); Weigh-Tronix NCI 7800 manual page 32 and Avery 7821 page 25 (request, reply, "?"); Brecknell SCP-12
page 26 (status bits).
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from firmware_sims.sim import Load, Metronome

Dialect = Literal["a&d", "a&d-indicator", "cas", "nci"]
LONGEST_REQUEST = 32


class StreamScale:
    """One indicator. ``stable_bit`` is the value of NCI status byte 1, bit 0, that means stable; vendors disagree."""

    def __init__(
        self,
        load: Load,
        dialect: Dialect = "a&d",
        *,
        rate_hz: float = 10.0,
        capacity_g: float = 30_000.0,
        stable_within_g: float = 5.0,
        stable_bit: int = 1,
        device_id: int = 1,
    ) -> None:
        self.dialect = dialect
        self._load = load
        self._rate_hz = rate_hz
        self._capacity_g = capacity_g
        self._stable_within_g = stable_within_g
        self._stable_bit = stable_bit
        self._device_id = device_id
        self.power_cycle()

    @property
    def quantum_s(self) -> float:
        return 1 / self._rate_hz

    def power_cycle(self) -> None:
        self._beat = Metronome(1 / self._rate_hz)
        self._window: deque[float] = deque(maxlen=5)
        self._grams = self._load.sample(0.0)
        self._zero_g = 0.0
        self._request = bytearray()

    def tick(self, dt: float) -> bytes:
        said = []
        for _ in range(self._beat.beats(dt)):
            self._grams = self._load.sample(1 / self._rate_hz)
            self._window.append(self._grams)
            if self.dialect != "nci":
                said.append(self._line())
        return b"".join(said)

    def receive(self, data: bytes) -> bytes:
        if self.dialect != "nci":
            return b""
        said = []
        for byte in data:
            self._request.append(byte)
            if byte == 0x0D:
                said.append(self._answer(bytes(self._request[:-1])))
                self._request.clear()
            elif len(self._request) > LONGEST_REQUEST:
                self._request.clear()
        return b"".join(said)

    @property
    def _stable(self) -> bool:
        return len(self._window) == self._window.maxlen and max(self._window) - min(self._window) <= self._stable_within_g

    @property
    def _over(self) -> bool:
        return self._net_g > self._capacity_g

    @property
    def _under(self) -> bool:
        return self._net_g < -0.02 * self._capacity_g

    @property
    def _net_g(self) -> float:
        return self._grams - self._zero_g

    def _line(self) -> bytes:
        header = "OL" if self._over or self._under else "ST" if self._stable else "US"
        match self.dialect:
            case "a&d":
                digits = "-999999.9" if self._under else "+999999.9" if self._over else f"{self._net_g:+09.1f}"
                return f"{header},{digits}  g\r\n".encode("ascii")
            case "a&d-indicator":
                weight = "+    .  " if header == "OL" else f"{self._net_g / 1000:+08.3f}"
                return f"{header},GS,{weight}kg\r\n".encode("ascii")
            case _:
                weight = "        " if header == "OL" else f"{self._net_g / 1000:8.3f}"
                front = f"{header},GS,".encode("ascii")
                return front + bytes([0x30 + self._device_id, self._lamps()]) + f",{weight} kg\r\n".encode("ascii")

    def _lamps(self) -> int:
        """Bit 7 is always 1; 6 stable, 2 gross, 0 at zero (tare, hold and printer are not lit)."""
        return 0x80 | 0x40 * self._stable | 0x04 | 0x01 * (abs(self._net_g) < 1)

    def _answer(self, request: bytes) -> bytes:
        match request:
            case b"W":
                status = self._status()
                if self._over or self._under:
                    return b"\n" + status + b"\r\x03"
                return f"\n{self._net_g / 1000:08.3f}KG\r\n".encode("ascii") + status + b"\r\x03"
            case b"S":
                return b"\n" + self._status() + b"\r\x03"
            case b"Z":
                self._zero_g = self._grams
                return b"\n" + self._status() + b"\r\x03"
            case _:
                return b"\n?\r\x03"

    def _status(self) -> bytes:
        """Two bytes, each with 0x30 set so that they print: motion, at zero, memories in order; under, over."""
        rest = self._stable_bit if self._stable else 1 - self._stable_bit
        at_zero = 0 if abs(self._net_g) < 1 else 1
        return bytes([0x30 | rest | at_zero << 1 | 0x0C, 0x30 | self._under | self._over << 1])
