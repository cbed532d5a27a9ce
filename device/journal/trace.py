"""Traces: the weights around a step, kept as evidence of what a shopper was charged for.

A trace is stored as zlib over JSON: ``{"v": 1, "began_at": 1700000000.0, "delta": -1200.4, "sd": 0.6, "ms": [...], "mg": [...]}``.
``ms`` and ``mg`` hold the samples as milliseconds after ``began_at`` and milligrams, each as its difference from the one before (the
first from 0): small numbers, which compress well. Six seconds at 80 samples a second take about 1.5 KB.
"""

from __future__ import annotations

import json
import zlib
from itertools import accumulate, pairwise

from device.domain.record import record

MAX_TRACE_BYTES = 4 * 1024 * 1024
"""What a stored trace may unpack to: a damaged or forged one must not fill the memory. Ten minutes at 80 Hz take 0.4 MB."""


@record
class Trace:
    """Weights around a step. ``samples``: (seconds after ``began_at``, grams); ``began_at``: Unix time; ``delta``, ``sd``: grams."""

    began_at: float
    samples: tuple[tuple[float, float], ...]
    delta: float
    sd: float


def _differences(values: list[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise([0, *values])]


def encode(trace: Trace) -> bytes:
    """A trace as the journal keeps it; times are rounded to milliseconds, weights to milligrams."""
    fields = {
        "v": 1,
        "began_at": trace.began_at,
        "delta": trace.delta,
        "sd": trace.sd,
        "ms": _differences([round(seconds * 1000) for seconds, _ in trace.samples]),
        "mg": _differences([round(grams * 1000) for _, grams in trace.samples]),
    }
    return zlib.compress(json.dumps(fields, separators=(",", ":"), allow_nan=False).encode(), 9)


def decode(blob: bytes) -> Trace:
    """The inverse of ``encode``. Raises ValueError where it is not a trace."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(blob, MAX_TRACE_BYTES)
        if not unpacker.eof:
            raise ValueError("the trace is cut short or too large")
        fields = json.loads(text)
        if fields["v"] != 1:
            raise ValueError(f"unknown version of a trace: {fields['v']}")
        seconds = [ms / 1000 for ms in accumulate(fields["ms"])]
        grams = [mg / 1000 for mg in accumulate(fields["mg"])]
        samples = tuple(zip(seconds, grams, strict=True))
        return Trace(float(fields["began_at"]), samples, float(fields["delta"]), float(fields["sd"]))
    except (zlib.error, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a trace: {error}") from None
