"""Mutations without a fuzzer, for a quick look at every target in the ordinary tests: the same ones every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random


def mutations(seeds: Sequence[bytes], count: int, longest: int, name: str) -> Iterator[bytes]:
    """So many inputs made from the seeds: bits flipped, bytes set to their ends, pieces left out, doubled and swapped between seeds."""
    random = Random(name)
    for _ in range(count):
        data = bytearray(random.choice(seeds))
        for _ in range(random.randrange(1, 6)):
            _mutate(data, random, seeds)
        yield bytes(data[:longest])


def _mutate(data: bytearray, random: Random, seeds: Sequence[bytes]) -> None:
    place = random.randrange(len(data) + 1)
    length = random.randrange(1, 16)
    match random.randrange(6):
        case 0 if place < len(data):
            data[place] ^= 1 << random.randrange(8)
        case 1 if place < len(data):
            data[place] = random.choice((0x00, 0x7F, 0x80, 0xFF, 0x0A, 0x0D, random.randrange(256)))
        case 2:
            del data[place : place + length]
        case 3:
            data[place:place] = data[place : place + length]
        case 4:
            other = random.choice(seeds)
            begin = random.randrange(len(other) + 1)
            data[place:place] = other[begin : begin + 4 * length]
        case _:
            data[place:place] = random.randbytes(length)
