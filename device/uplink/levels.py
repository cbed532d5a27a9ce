"""Retained topics: how things stand now. The latest value of each counts, and only changes are published."""

from __future__ import annotations


class Levels:
    """Latest value a topic; b"" clears the topic at the broker. One message a topic is under way at a time, so a slow link skips values."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._dirty: dict[str, None] = {}
        self._under_way: dict[str, bytes] = {}

    @property
    def settled(self) -> bool:
        """Whether the broker has the latest of everything."""
        return not self._dirty and not self._under_way

    def settled_of(self, topic: str) -> bool:
        """Whether the broker has the latest of one topic."""
        return topic not in self._dirty and topic not in self._under_way

    def knows(self, topic: str) -> bool:
        """Whether the topic has a value."""
        return bool(self._values.get(topic))

    def put(self, topic: str, value: bytes) -> bool:
        """Set a value; True if that is a change."""
        if self._values.get(topic) == value:
            return False
        self._values[topic] = value
        self._dirty[topic] = None
        return True

    def again(self, topic: str) -> None:
        """Publish a topic though its value is the same."""
        if topic in self._values:
            self._dirty[topic] = None

    def next(self, only: str | None = None) -> tuple[str, bytes] | None:
        """The next topic to be published and its value, counted as under way from now on. ``only`` this topic, if given."""
        for topic in self._dirty if only is None else {only: None}:
            if topic in self._dirty and topic not in self._under_way:
                del self._dirty[topic]
                self._under_way[topic] = self._values[topic]
                return topic, self._values[topic]
        return None

    def settle(self, topic: str) -> None:
        """The broker has answered for a topic."""
        if self._under_way.pop(topic, None) == b"" and not self._values.get(topic):
            self._values.pop(topic, None)

    def restart(self) -> None:
        """A new connection: everything is published again, in the order in which it was first set."""
        self._under_way.clear()
        self._dirty = dict.fromkeys(self._values)
