"""The topics of a store, and what may be put into one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from device.domain.record import record


@record
class Topics:
    """All topics under the root of one store."""

    root: str
    store: str

    @property
    def status(self) -> str:
        return f"{self.root}/status"

    @property
    def receipt(self) -> str:
        return f"{self.root}/receipt"

    @property
    def commands(self) -> str:
        """The filter for all commands."""
        return f"{self.root}/command/+"

    @property
    def discovery(self) -> str:
        """Home Assistant's topic for the whole store as one device."""
        return f"homeassistant/device/{self.store}/config"

    @property
    def retained(self) -> tuple[str, ...]:
        """Filters for the retained topics that follow the configuration."""
        return (f"{self.root}/zone/+", f"{self.root}/slot/+", f"{self.root}/device/+")

    def event(self, type_: str) -> str:
        return f"{self.root}/event/{type_.replace('.', '/')}"

    def level(self, suffix: str) -> str:
        return f"{self.root}/{suffix}"

    def telemetry(self, device: str) -> str:
        return f"{self.root}/telemetry/{device}"

    def command(self, topic: str) -> str | None:
        """The name of the command that came in on ``topic``, None if it is none."""
        prefix = f"{self.root}/command/"
        return topic.removeprefix(prefix) if topic.startswith(prefix) else None

    def reply(self, command: str, response_topic: str | None) -> str | None:
        """Where a reply goes: the response topic if it is one we may be sent to, else the default; None if there is no such topic.

        Who sends a command chooses the response topic, so it must not make us speak as ourselves: what is under our root is ours, except
        for replies, and topics with a dollar are the broker's.
        """
        if response_topic is not None and publishable(response_topic) and not response_topic.startswith("$"):
            ours = response_topic == self.root or response_topic.startswith(f"{self.root}/")
            if not ours or response_topic.startswith(f"{self.root}/reply/"):
                return response_topic
        default = f"{self.root}/reply/{command}"
        return default if publishable(default) else None


def publishable(topic: str) -> bool:
    """Whether a topic is one that may be published to (MQTT 5, 4.7: no wildcards, no NUL, at most 65,535 bytes of UTF-8)."""
    if not topic or any(letter in topic for letter in "+#\0"):
        return False
    try:
        return len(topic.encode()) <= 65535
    except UnicodeEncodeError:
        return False


def to_json(payload: Mapping[str, object]) -> bytes:
    """Compact JSON. What is not valid Unicode stays an escape. Raises ValueError for NaN and infinities, which are no JSON."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")
