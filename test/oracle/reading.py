"""How fast are mixed tables read, beside pandas, and in how much memory?

The tables are adult, bank-marketing and titanic, their rows repeated with other numbers up to about 200 MB each. The
programs take turns, each run a process of its own; times are medians of what reading alone takes. The bars: pandas
takes at least 4 times as long as two threads of ours, and the memory that reading adds at its peak is at most 1.5 times
what the values take: 8 bytes a number, 4 a text, and each distinct text once. Exits 1 if one of them is missed.
"""

import argparse
import csv
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

import pandas

import program
import tables

LEAST_RATIO = 4
MOST_MEMORY = 1.5
SOURCES = [tables.ADULT, tables.BANK, tables.TITANIC]

READ_BY_PANDAS = """
import json, sys, time
import pandas
start = time.perf_counter()
frame = pandas.read_csv(sys.argv[1], sep=sys.argv[2], header=int(sys.argv[3]) if sys.argv[3] else None, skipinitialspace=True)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(frame)}))
"""


def make(source: tables.Source, original: pathlib.Path, path: pathlib.Path, size_bytes: int) -> pathlib.Path:
    """Rows of `original` in another order, quoted as they were, each number with a chance to be another's."""
    if path.is_file() and path.stat().st_size >= size_bytes:
        return path
    draw = random.Random(1)
    with open(original, newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=source.separator, skipinitialspace=True) if row]
    header = rows.pop(0) if source.named else None
    quoting = csv.QUOTE_NONNUMERIC if source is tables.BANK else csv.QUOTE_MINIMAL
    columns = [list(column) for column in zip(*rows, strict=True)]
    is_number = [all(value.replace(".", "").replace("-", "").isdigit() or value in ("", "?") for value in c) for c in columns]
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_suffix(".part")
    with open(side, "w", newline="") as file:
        writer = csv.writer(file, delimiter=source.separator, quoting=quoting, lineterminator="\n")
        if header:
            writer.writerow(header)
        while file.tell() < size_bytes:
            chunk = []
            for _ in range(20_000):
                row = list(draw.choice(rows))
                for i, numbers in enumerate(is_number):
                    if numbers and draw.random() < 0.5:
                        row[i] = draw.choice(columns[i])
                if quoting == csv.QUOTE_NONNUMERIC:
                    row = [float(v) if numbers and "." in v else int(v) if numbers else v for v, numbers in zip(row, is_number)]
                chunk.append(row)
            writer.writerows(chunk)
    os.replace(side, path)
    return path


def run(*command) -> dict:
    return json.loads(subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--data", type=pathlib.Path, default=program.ROOT / "../shared/data")
    parser.add_argument("--folder", type=pathlib.Path, default=program.ROOT / "build/reading")
    options = parser.parse_args()
    reader = program.default_path().with_name("mlp_read_table")
    missed = []
    print(f"pandas {pandas.__version__}; medians of {options.runs} runs, seconds\n")
    print("| table | MB | rows | pandas | 1 thread | 2 threads | pandas / 2 threads | memory / values |")
    print("|---|---|---|---|---|---|---|---|")
    for source in SOURCES:
        path = make(source, options.data / source.file, options.folder / f"{source.name}.csv", options.megabytes * 10**6)
        target = source.target
        times: dict[str, list[float]] = {"pandas": [], "1": [], "2": []}
        memory = []
        for _ in range(options.runs):
            theirs = run(sys.executable, "-c", READ_BY_PANDAS, path, source.separator, "0" if source.named else "")
            times["pandas"].append(theirs["seconds"])
            for threads in ("1", "2"):
                ours = run(reader, "--time", path, target, threads)
                assert ours["rows"] == theirs["rows"], (source.name, ours, theirs)
                times[threads].append(ours["seconds"])
                memory.append((ours["peak_bytes"] - ours["peak_bytes_before"]) / ours["value_bytes"])
        middle = {name: statistics.median(seconds) for name, seconds in times.items()}
        ratio = middle["pandas"] / middle["2"]
        print(
            f"| {source.name} | {path.stat().st_size / 1e6:.0f} | {theirs['rows']} | {middle['pandas']:.2f} | {middle['1']:.2f} "
            f"| {middle['2']:.2f} | {ratio:.1f} | {max(memory):.2f} |",
            flush=True,
        )
        if ratio < LEAST_RATIO:
            missed.append(f"{source.name}: pandas takes only {ratio:.1f} times as long, not {LEAST_RATIO}.")
        if max(memory) > MOST_MEMORY:
            missed.append(f"{source.name}: reading takes {max(memory):.2f} times what the values take, not {MOST_MEMORY}.")
    print("\n" + ("\n".join(missed) if missed else "All bars are met."))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
