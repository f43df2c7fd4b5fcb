"""How fast is a CSV file read, beside pandas, polars and pyarrow, and in how much memory?

pandas keeps text as Python's strings, as `pip install pandas` gives it, and also in Arrow's arrays, as it does where pyarrow
is installed beside it. Mixed tables are adult, bank-marketing and titanic, their rows repeated with other numbers, about 200 MB each. Files of
numbers have 30 floats a row, about 250 MB each: with six digits behind the point, and with nine that count. The programs
take turns on the same cores, each run a process of its own; times are medians of what reading alone takes, from the file
in the page cache to columns or rows of numbers. polars and pyarrow take as many threads as there are CPUs, and each is
timed both as it comes and told that all columns are float32: the faster one counts.

The bars: on mixed tables pandas (alone) takes at least 4 times as long as two threads of ours; of files of numbers the faster of
polars and pyarrow takes at least 2.5 times as long, and pandas 6 times. The memory that reading adds at its peak is at
most 1.5 times what the values take: 8 bytes a number (4 in rows of float32), 4 a text, and each distinct text once. Exits
1 if one of them is missed.
"""

import argparse
import csv
import dataclasses
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

import page

LEAST_OF_PANDAS_ON_TABLES = 4
LEAST_OF_PANDAS = 6
LEAST_OF_FASTEST = 2.5
MOST_MEMORY = 1.5
FLOATS = 30
FORMS = {"six decimals": "%.6f", "nine digits": "%.9g"}


@dataclasses.dataclass(frozen=True)
class Source:
    name: str
    file: str  # in ../shared/data
    target: str
    named: bool = True
    separator: str = ","
    quoted: bool = False  # all texts


SOURCES = [
    Source("adult", "adult/adult-train.csv", "15", named=False),
    Source("bank-marketing", "bank-marketing/bank-additional-full.csv", "y", separator=";", quoted=True),
    Source("titanic", "titanic/train.csv", "Survived"),
]

BY_PANDAS = """
import json, sys, time
import pandas
pandas.set_option("mode.string_storage", sys.argv[4])
start = time.perf_counter()
frame = pandas.read_csv(sys.argv[1], sep=sys.argv[2], header=int(sys.argv[3]) if sys.argv[3] else None, skipinitialspace=True)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(frame)}))
"""
BY_POLARS = """
import json, sys, time
import polars
types = {f"column_{i + 1}": polars.Float32 for i in range(int(sys.argv[2]))} or None
start = time.perf_counter()
frame = polars.read_csv(sys.argv[1], has_header=False, schema=types)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(frame)}))
"""
BY_PYARROW = """
import json, sys, time
import pyarrow, pyarrow.csv
types = pyarrow.csv.ConvertOptions(column_types={f"f{i}": pyarrow.float32() for i in range(int(sys.argv[2]))})
names = pyarrow.csv.ReadOptions(autogenerate_column_names=True)
start = time.perf_counter()
table = pyarrow.csv.read_csv(sys.argv[1], read_options=names, convert_options=types)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(table)}))
"""


def make_table(source: Source, original: pathlib.Path, path: pathlib.Path, size_bytes: int) -> pathlib.Path:
    """Rows of `original` in another order, quoted as they were, each number with a chance to be another's."""
    if path.is_file() and path.stat().st_size >= size_bytes:
        return path
    draw = random.Random(1)
    with open(original, newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=source.separator, skipinitialspace=True) if row]
    header = rows.pop(0) if source.named else None
    quoting = csv.QUOTE_NONNUMERIC if source.quoted else csv.QUOTE_MINIMAL
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
                if source.quoted:
                    row = [float(v) if numbers and "." in v else int(v) if numbers else v for v, numbers in zip(row, is_number)]
                chunk.append(row)
            writer.writerows(chunk)
    os.replace(side, path)
    return path


def make_floats(form: str, path: pathlib.Path, size_bytes: int) -> pathlib.Path:
    """Rows of normal numbers."""
    if path.is_file() and path.stat().st_size >= size_bytes:
        return path
    draw = random.Random(1)
    path.parent.mkdir(parents=True, exist_ok=True)
    side = path.with_suffix(".part")
    lines = (",".join([form] * FLOATS) + "\n") * 1000
    with open(side, "w") as file:
        while file.tell() < size_bytes:
            file.write(lines % tuple(draw.gauss(0, 1) for _ in range(1000 * FLOATS)))
    os.replace(side, path)
    return path


def run(*command) -> dict:
    return json.loads(subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout)


def added_memory(ours: dict) -> float:
    return (ours["peak_bytes"] - ours["peak_bytes_before"]) / ours["value_bytes"]


def take_turns(commands: dict[str, list], runs: int) -> tuple[dict[str, float], float, int]:
    """The median seconds by program, the most memory of ours in parts of its values, and the rows."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    memory = 0.0
    rows = set()
    for _ in range(runs):
        for name, command in commands.items():
            result = run(*command)
            times[name].append(result["seconds"])
            rows.add(result["rows"])
            if "value_bytes" in result:
                memory = max(memory, added_memory(result))
    assert len(rows) == 1, (commands, rows)
    return {name: statistics.median(seconds) for name, seconds in times.items()}, memory, rows.pop()


def versions() -> str:
    import pandas
    import polars
    import pyarrow

    return f"pandas {pandas.__version__}, polars {polars.__version__}, pyarrow {pyarrow.__version__}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200, help="of mixed tables; files of numbers are a quarter larger")
    parser.add_argument("--only", choices=["tables", "floats"])
    parser.add_argument("--data", type=pathlib.Path, default=page.ROOT / "../shared/data")
    parser.add_argument("--folder", type=pathlib.Path, default=page.ROOT / "build/reading")
    parser.add_argument("--reader", type=pathlib.Path, default=page.ROOT / "build/release/bin/mlp_read_table")
    parser.add_argument("--write", type=pathlib.Path, help="the page whose section this becomes")
    options = parser.parse_args()
    missed = []
    machine = f"{page.machine()}; {versions()}; medians of {options.runs} runs, seconds"
    print(machine + "\n", flush=True)

    float_rows = []
    for name, form in FORMS.items() if options.only != "tables" else ():
        path = make_floats(form, options.folder / f"floats{form[1:]}.csv", options.megabytes * 1_250_000)
        commands = {
            "pandas": [sys.executable, "-c", BY_PANDAS, path, ",", "", "python"],
            "polars": [sys.executable, "-c", BY_POLARS, path, 0],
            "polars, told": [sys.executable, "-c", BY_POLARS, path, FLOATS],
            "pyarrow": [sys.executable, "-c", BY_PYARROW, path, 0],
            "pyarrow, told": [sys.executable, "-c", BY_PYARROW, path, FLOATS],
            "1": [options.reader, "--time", path, "1", 1],
            "2": [options.reader, "--time", path, "1", 2],
        }
        middle, memory, rows = take_turns(commands, options.runs)
        polars = min(middle["polars"], middle["polars, told"])
        pyarrow = min(middle["pyarrow"], middle["pyarrow, told"])
        ratio = min(polars, pyarrow) / middle["2"]
        of_pandas = middle["pandas"] / middle["2"]
        megabytes = path.stat().st_size / 1e6
        float_rows.append(
            [
                name,
                f"{megabytes:.0f}",
                page.grouped(rows),
                *(f"{seconds:.2f}" for seconds in (middle["pandas"], pyarrow, polars)),
                *(f"{middle[threads]:.3f}" for threads in ("1", "2")),
                f"{megabytes / 1000 / middle['2']:.2f}",
                f"{ratio:.1f}",
                f"{of_pandas:.1f}",
                f"{memory:.2f}",
            ]
        )
        if ratio < LEAST_OF_FASTEST:
            missed.append(f"{name}: the faster of polars and pyarrow takes only {ratio:.1f} times as long, not {LEAST_OF_FASTEST}.")
        if of_pandas < LEAST_OF_PANDAS:
            missed.append(f"{name}: pandas takes only {of_pandas:.1f} times as long, not {LEAST_OF_PANDAS}.")
        if memory > MOST_MEMORY:
            missed.append(f"{name}: reading takes {memory:.2f} times what the values take, not {MOST_MEMORY}.")
    floats = page.table(
        ["30 floats a row", "MB", "rows", "pandas", "pyarrow", "polars", "1 thread", "2 threads", "GB/s", "faster of two / 2 threads",
         "pandas / 2 threads", "memory / values"],
        float_rows,
    )  # fmt: skip
    print(floats + "\n", flush=True)

    table_rows = []
    for source in SOURCES if options.only != "floats" else ():
        path = make_table(source, options.data / source.file, options.folder / f"{source.name}.csv", options.megabytes * 10**6)
        by_pandas = [sys.executable, "-c", BY_PANDAS, path, source.separator, "0" if source.named else ""]
        commands = {
            "pandas": [*by_pandas, "python"],
            "pandas, Arrow": [*by_pandas, "pyarrow"],
            "1": [options.reader, "--time", path, source.target, 1],
            "2": [options.reader, "--time", path, source.target, 2],
        }
        middle, memory, rows = take_turns(commands, options.runs)
        ratio = middle["pandas"] / middle["2"]
        table_rows.append(
            [
                source.name,
                f"{path.stat().st_size / 1e6:.0f}",
                page.grouped(rows),
                *(f"{middle[name]:.2f}" for name in ("pandas", "pandas, Arrow", "1", "2")),
                f"{ratio:.1f}",
                f"{middle['pandas, Arrow'] / middle['2']:.1f}",
                f"{memory:.2f}",
            ]
        )
        if ratio < LEAST_OF_PANDAS_ON_TABLES:
            missed.append(f"{source.name}: pandas takes only {ratio:.1f} times as long, not {LEAST_OF_PANDAS_ON_TABLES}.")
        if memory > MOST_MEMORY:
            missed.append(f"{source.name}: reading takes {memory:.2f} times what the values take, not {MOST_MEMORY}.")
    mixed = page.table(
        ["mixed table", "MB", "rows", "pandas", "with Arrow", "1 thread", "2 threads", "pandas / 2 threads", "with Arrow / 2 threads",
         "memory / values"],
        table_rows,
    )  # fmt: skip
    print(mixed)
    print("\n" + ("\n".join(missed) if missed else "All bars are met."))
    if options.write:
        bars = (
            f"The bars: the faster of polars and pyarrow takes at least {LEAST_OF_FASTEST} times as long as two threads of "
            f"ours, pandas {LEAST_OF_PANDAS} times, or {LEAST_OF_PANDAS_ON_TABLES} times on mixed tables; memory at most "
            f"{MOST_MEMORY} times what the values take:{page.verdict(missed)}"
        )
        command = "`make bench-reading`, from the file in the page cache to columns or rows of numbers."
        page.write_section(options.write, page.READING, f"{command} {machine}.\n\n{floats}\n\n{mixed}\n\n{bars}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
