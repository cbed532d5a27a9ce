"""One target under a coverage-guided fuzzer (atheris, over libFuzzer) for a time, in a process of its own; what it finds stays in a folder.

A process of its own, because libFuzzer never returns, instruments what is imported after it, and must be able to die of what it finds.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import target

ROOT = Path(__file__).parents[2]
SLOW_S = 10
"""One input that takes longer is a finding."""
MOST_MEMORY_MB = 1024
"""So is one, or a number of them, after which the process is larger."""
SOURCES = ("device", "llrpkit", "h11", "tests.fuzz.broken")
"""What the fuzzer is led by."""

_DONE = re.compile(r"Done (\d+) runs in (\d+) second")
_ARTIFACT = re.compile(r"Test unit written to (\S+)")


@dataclass(frozen=True)
class Campaign:
    """What came of it: how many inputs were tried, and the files that hold what broke the target."""

    target: str
    runs: int
    findings: tuple[Path, ...]
    log: str

    @property
    def report(self) -> str:
        """For people: what was found, and how to see it again."""
        if not self.findings:
            return f"{self.target}: {self.runs} inputs, nothing found"
        again = "\n".join(f"    python -m tests.fuzz {self.target} --try {shlex.quote(str(path))}" for path in self.findings)
        return f"{self.target}: broken; see it again with\n{again}\n{self.log[-6000:]}"


def is_installed() -> bool:
    """Whether the fuzzer is here (the extra ``fuzz``)."""
    return importlib.util.find_spec("atheris") is not None


def campaign(name: str, seconds: int, out: Path) -> Campaign:
    """Fuzz a target for so long, or until it breaks. Findings go to ``out/NAME``."""
    findings = out.absolute() / name
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    with tempfile.TemporaryDirectory(prefix="smartstore-corpus-") as corpus:
        for number, seed in enumerate(target(name).seeds()):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        command = [sys.executable, "-m", "tests.fuzz", name, "--child", *_options(name, seconds, findings), corpus]
        path = os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        run = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, errors="replace", check=False
        )
    log = run.stdout + run.stderr
    done = _DONE.search(log)
    found = {*map(Path, _ARTIFACT.findall(log)), *(set(findings.iterdir()) - before)}
    if run.returncode and not found:
        raise RuntimeError(f"the fuzzer itself failed on {name} with {run.returncode}:\n{log[-6000:]}")
    return Campaign(name, int(done[1]) if done else 0, tuple(sorted(found)), log)


def _options(name: str, seconds: int, findings: Path) -> Sequence[str]:
    return (
        f"-max_total_time={seconds}",
        f"-max_len={target(name).longest}",
        f"-timeout={SLOW_S}",
        f"-rss_limit_mb={MOST_MEMORY_MB}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        "-seed=1",
    )


def fuzz(name: str, options: Sequence[str]) -> None:
    """In the process of its own: never returns."""
    import atheris

    with atheris.instrument_imports(include=list(SOURCES)):
        run = target(name).prepare()
    atheris.Setup([sys.argv[0], *options], run)
    atheris.Fuzz()
