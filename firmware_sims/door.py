"""A door with its lock: what is commanded, what the bolt does, and what a hand can do."""

from __future__ import annotations

BOLT_TRAVEL_S = 0.08


class Door:
    """One leaf, its contact, and a spring bolt that is drawn by a relay.

    ``fail`` is ``secure`` (power draws the bolt) or ``safe`` (power holds it out). The bolt is sprung: closing the door pushes
    past it, and it latches if it is out. The exit button draws the bolt whatever the relay says.
    """

    def __init__(self, fail: str = "secure") -> None:
        self.fail = fail
        self.open = False
        self.jammed = False
        """The bolt stays where it is."""
        self.powered = True
        """Off while a fire contact cuts the lock's supply."""
        self.energised = fail == "safe"
        self.exit_pressed_s = 0.0
        self.bolt_out = True
        self._travelled_s = 0.0

    @property
    def released(self) -> bool:
        """Whether relay, power or exit button ask for the bolt to be in."""
        energised = self.energised and self.powered
        return self.exit_pressed_s > 0 or energised == (self.fail == "secure")

    def pull(self) -> bool:
        """A hand pulls; whether the door is open now."""
        if not self.bolt_out:
            self.open = True
        return self.open

    def force(self) -> None:
        """A crowbar pulls."""
        self.open = True

    def close(self) -> None:
        """Push the door shut; it always shuts, and holds if the bolt is out."""
        self.open = False

    def tick(self, dt: float) -> None:
        """``dt`` seconds pass: the bolt travels to where it is asked to be."""
        self.exit_pressed_s = max(self.exit_pressed_s - dt, 0.0)
        if self.bolt_out != self.released or self.jammed:
            self._travelled_s = 0.0
            return
        self._travelled_s += dt
        if self._travelled_s >= BOLT_TRAVEL_S - 1e-9:
            self.bolt_out = not self.bolt_out
            self._travelled_s = 0.0
