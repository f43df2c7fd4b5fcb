"""docs/benchmarks.md: a title and sections, each written by a script of its own."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
PATH = ROOT / "docs/benchmarks.md"

INTRODUCTION = """# Benchmarks

How fast `mlp train` learns, and how fast, how large and how steady `mlp serve` is. Each section is written by the `make`
target that it names.

"""

# The order of the sections, by their headings.
JOB = "## A whole job\n"
READING = "## Reading CSV\n"
TRAINING = "## Training steps beside other frameworks\n"
PLACEMENT = "## Training on busy or few cores\n"
SERVING = "## Beside other servers\n"
SOAK = "## Under long load\n"
ORDER = (TRAINING, PLACEMENT, JOB, READING, SERVING, SOAK)


def with_section(text: str, heading: str, body: str) -> str:
    """The page `text` with the section `heading`, in the place of one with the same heading."""
    parts = re.split(r"^(## .*\n)", text, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    sections[heading] = f"\n{body.strip()}\n\n"
    return (INTRODUCTION + "".join(h + sections[h] for h in ORDER if h in sections)).rstrip() + "\n"


def write_section(path: pathlib.Path, heading: str, body: str):
    path.write_text(with_section(path.read_text() if path.exists() else "", heading, body))


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in [header, *rows]]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def grouped(number: float) -> str:
    """A large number, rounded, with blanks between its thousands."""
    return f"{number:,.0f}".replace(",", " ")


def verdict(missed: list[str]) -> str:
    return "".join(f"\n- {sentence}" for sentence in missed) if missed else " all are met."


def machine() -> str:
    """The CPU and how many of its cores there are."""
    done = subprocess.run(["lscpu"], stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    names = [line.split(":", 1)[1].strip() for line in done.stdout.splitlines() if line.startswith("Model name")]
    return f"{names[0] if names else 'CPU without a name'}, {len(os.sched_getaffinity(0))} cores"
