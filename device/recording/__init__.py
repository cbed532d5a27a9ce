"""Recordings: what the devices of a store said, kept in a file (``docs/trace.md``) and played again.

Reading order: ``trace`` (the file), ``ring`` (the newest minutes in memory), ``tap`` (the daemon's socket and whoever listens there).
"""

from __future__ import annotations

from device.recording.trace import Entry, Header, Keyframe, Taken, Trace, decode_header, encode, encode_header, read_trace

__all__ = ["Entry", "Header", "Keyframe", "Taken", "Trace", "decode_header", "encode", "encode_header", "read_trace"]
