"""The newest minutes of a store, encoded, in bounded memory: for those who come after something has happened."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

SEGMENT_S = 30.0
"""A segment begins with a keyframe, so that a recording may begin with any of them."""
MOST_BYTES = 8 * 1024 * 1024
"""Of encoded readings: 10 minutes of 32 plates at 10 Hz take about 2 MB. Beyond it the oldest segments go, whatever was asked for."""
MOST_MINUTES = 60


@dataclass(slots=True)
class _Segment:
    at: float
    members: list[bytes] = field(default_factory=list)
    size: int = 0


class Ring:
    """Keeps ``keep_s`` seconds, and up to a segment more."""

    def __init__(self, keep_s: float) -> None:
        self.keep_s = keep_s
        self._segments: deque[_Segment] = deque()

    def wants_keyframe(self, at: float) -> bool:
        """Whether what is put next must begin a segment."""
        return not self._segments or at - self._segments[-1].at >= SEGMENT_S

    def put(self, member: bytes, at: float, *, keyframe: bool) -> None:
        """Add a member; one with a keyframe begins a segment."""
        if keyframe:
            self._segments.append(_Segment(at))
        newest = self._segments[-1]
        newest.members.append(member)
        newest.size += len(member)
        while len(self._segments) > 1 and self._segments[1].at <= at - self.keep_s:
            self._segments.popleft()
        while len(self._segments) > 1 and self.size > MOST_BYTES:
            self._segments.popleft()

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return sum(segment.size for segment in self._segments)

    def since(self, at: float) -> list[bytes]:
        """The members from ``at`` on, and from the keyframe before it; all that there is where that is later."""
        segments = list(self._segments)
        first = max((place for place, segment in enumerate(segments) if segment.at <= at), default=0)
        return [member for segment in segments[first:] for member in segment.members]
