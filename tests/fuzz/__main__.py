"""``python -m tests.fuzz [TARGET ...] [--seconds N] [--out DIR]``: fuzz targets; ``TARGET --try FILE``: see a finding again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.campaign import campaign, fuzz, is_installed
from tests.fuzz.targets import targets


def main() -> int:
    """Returns how the process is to end."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Coverage-guided fuzzing of whatever strangers can feed.")
    asked.add_argument("target", nargs="*", help="one of those that are there; all of them unless named")
    asked.add_argument("--seconds", type=int, default=60, help="for each target")
    asked.add_argument("--out", type=Path, default=Path("fuzz"), help="where findings go, a folder each target")
    asked.add_argument("--try", dest="finding", type=Path, help="one input instead: a finding, seen again")
    options = asked.parse_args()
    unknown = set(options.target) - set(targets())
    if unknown:
        asked.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(targets())}")
    if options.finding is not None:
        for name in options.target:
            targets()[name].prepare()(options.finding.read_bytes())
        return 0
    if not is_installed():
        asked.error("atheris is not installed: pip install -e '.[fuzz]' (there are wheels for Linux on x86-64 only)")
    broken = False
    for name in options.target or targets():
        outcome = campaign(name, options.seconds, options.out)
        broken |= bool(outcome.findings)
        print(outcome.report, flush=True)  # noqa: T201
    return int(broken)


if __name__ == "__main__":
    if sys.argv[2:3] == ["--child"]:
        fuzz(sys.argv[1], sys.argv[3:])
    else:
        sys.exit(main())
