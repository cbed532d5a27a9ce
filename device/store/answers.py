"""Answers to commands: what was let in is remembered before anything moves, and the first outcome is the outcome."""

from __future__ import annotations

from typing import Any, Literal

from device.domain.effects import Reply
from device.domain.events import CommandDone, CommandFailed, CommandWasRefused
from device.store.memory.state import SeenCommand
from device.store.turn import Turn

Status = Literal["accepted", "done", "refused", "failed"]

_EVENTS: dict[str, type[CommandDone | CommandWasRefused | CommandFailed]] = {
    "done": CommandDone,
    "refused": CommandWasRefused,
    "failed": CommandFailed,
}


def accept(turn: Turn, command: str) -> None:
    """Say that a command is under way; its outcome follows."""
    _reply(turn, command, turn.state.commands[command], "accepted", None, None)


def finish(
    turn: Turn,
    command: str,
    status: Literal["done", "refused", "failed"],
    *,
    reason: str | None = None,
    result: dict[str, Any] | None = None,
    shown: dict[str, Any] | None = None,
) -> None:
    """Give a command its outcome. A command that has one keeps it. ``shown``: what only the reply says, too large to be remembered."""
    seen = turn.state.commands.get(command)
    if seen is None or seen.status != "accepted":
        return
    turn.tell(_EVENTS[status](command, seen.name, seen.by, result, reason), turn.plan.layout.store.id)
    _reply(turn, command, seen, status, reason, shown or result)


def repeat(turn: Turn, command: str, topic: str | None, correlation: bytes | None, shown: dict[str, Any] | None = None) -> None:
    """Give the newest reply again, to whoever asks with the same id; ``shown`` as in ``finish``."""
    seen = turn.state.commands[command]
    turn.effect(Reply(command, seen.status, seen.reason, shown or seen.result, turn.time(), topic, correlation))


def tell_refused(turn: Turn, command: str, name: str, reason: str) -> None:
    """Record that a command was refused which is not remembered."""
    turn.tell(CommandWasRefused(command, name, None, None, reason), turn.plan.layout.store.id)


def _reply(turn: Turn, command: str, seen: SeenCommand, status: Status, reason: str | None, result: dict[str, Any] | None) -> None:
    correlation = bytes.fromhex(seen.correlation) if seen.correlation is not None else None
    turn.effect(Reply(command, status, reason, result, turn.time(), seen.topic, correlation))
