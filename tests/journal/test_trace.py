"""Traces: small when stored, the same when read, and refused where they are not traces."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.journal import Trace, decode, encode
from device.journal.trace import MAX_TRACE_BYTES

_seconds = st.integers(-3_600_000, 3_600_000).map(lambda ms: ms / 1000)
_grams = st.integers(-(10**9), 10**9).map(lambda mg: mg / 1000)
_finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.builds(Trace, _finite, st.lists(st.tuples(_seconds, _grams), max_size=50).map(tuple), _finite, _finite))
def test_a_trace_comes_back_to_the_millisecond_and_milligram(trace: Trace) -> None:
    assert decode(encode(trace)) == trace


def test_six_seconds_at_80_hz_stay_small() -> None:
    noise = [0.4, -0.3, 0.1, 0.0, -0.6, 0.2, 0.5, -0.1, 0.3]
    samples = tuple((n / 80 - 3, (1500.0 if n < 240 else 750.0) + noise[n * n % 9]) for n in range(480))
    assert len(encode(Trace(1.76e9, samples, -750.0, 0.05))) < 1500


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0" * 40,
        zlib.compress(b"[]"),
        zlib.compress(b"{"),
        zlib.compress(b'{"v": 1}'),
        zlib.compress(json.dumps({"v": 2, "began_at": 0, "delta": 0, "sd": 0, "ms": [], "mg": []}).encode()),
        zlib.compress(json.dumps({"v": 1, "began_at": 0, "delta": 0, "sd": 0, "ms": [1], "mg": []}).encode()),
        zlib.compress(json.dumps({"v": 1, "began_at": 0, "delta": 0, "sd": 0, "ms": [10**400], "mg": [1]}).encode()),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b" " * (MAX_TRACE_BYTES + 1)),
        encode(Trace(0.0, ((0.0, 1.0),), 1.0, 1.0))[:-3],
    ],
)
def test_what_is_no_trace_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        decode(blob)
