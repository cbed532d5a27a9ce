"""Benchmarks that anybody can run again: ``smartstore bench NAME``. One file a benchmark, with a function ``run(Options) -> Result``.

The only package of ``device`` that may import ``firmware_sims``: a benchmark needs a world with a truth beside the program that guesses
it. Nothing imports it but the command line. Everything is seeded; times of a machine are told as such, with the machine.
"""

from device.bench.result import NoSuchScenario, Options, Result, write

__all__ = ["NoSuchScenario", "Options", "Result", "write"]
