"""Draw the demo's output: ``python docs/draw_demo.py`` runs it for one shopper and writes ``docs/demo.svg``."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")


def _without_this_machine(line: str) -> str:
    """The same line as it would be in a checkout: which folder this one is in is nobody's business."""
    line = re.sub(r"  \(its journal and logs: .*\)", "", line)
    return re.sub(r"watch along with: \S+( -m device)?", "watch along with: .venv/bin/smartstore", line)


def main() -> None:
    """Run, colour, draw."""
    run = subprocess.run([sys.executable, "-m", "device", "demo", "--shoppers", "1"], capture_output=True, text=True, check=True)
    console = Console(record=True, width=112, file=io.StringIO())
    console.print(Text("$ make demo", style="bold"))
    for line in run.stdout.splitlines():
        text = Text(_without_this_machine(line))
        text.highlight_regex(r"^\d\d:\d\d:\d\d", "dim")
        text.highlight_regex(r"-> .*", "cyan")
        text.highlight_regex(r"ALARM.*", "bold red")
        text.highlight_regex(r"which is what left the store", "green")
        console.print(text)
    drawing = console.export_svg(title="smartstore", unique_id="demo")
    # The fonts would be fetched from elsewhere by whoever looks at the picture.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawing, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono"))


if __name__ == "__main__":
    main()
