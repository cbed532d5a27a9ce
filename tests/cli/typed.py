"""A whole command line, as it is typed, without a process of its own: what half a second of importing would tell is told elsewhere."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

from device.cli import main


class Typed(NamedTuple):
    """What is left of a command."""

    returncode: int
    stdout: str
    stderr: str


def typed(*words: object) -> Typed:
    """Run ``smartstore WORDS`` to its end. What is no error of ours comes out as it is."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        else:
            status = 0
    return Typed(status, out.getvalue(), err.getvalue())
