"""How fast is the whole job of the TensorFlow demo, beside Keras and PyTorch? docs/benchmarks.md is its answer.

MNIST from mnist.npz, 784-128-10, dropout 0.2, batches of 64, Adam at 0.01, 5 epochs with the test arrays to validate; then
the model and prediction.csv are written. Each run is a process of its own, from its start to its exit; mlp and the scripts
in bench/job take turns, round after round, and figures are medians. The bars: mlp is done at least 12 times as fast as
Keras and 5 times as fast as PyTorch, an epoch with its evaluation at least 1.8 and 4 times as fast; its first step is done
250 ms after the process's start, or 60 ms on 10,000 rows of CSV; and it takes at most 250 MB. Exits 1 if one is missed.

The data are the argument --data, else data/mnist.npz, else ../shared/data/mnist/mnist.npz.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import page

EPOCHS = 5
RECIPE = {"epochs": EPOCHS, "batch_size": 64, "dense_hidden": 128, "drop_rate": 0.2, "learning_rate": 0.01}
CSV_ROWS, CSV_FEATURES, CSV_RUNS = 10_000, 30, 5
LEAST_ACCURACY = 0.94  # of the 10,000 test rows, or the job was another one
LEAST_SPEED = {"Keras": 12, "PyTorch": 5}
LEAST_EPOCH_SPEED = {"Keras": 1.8, "PyTorch": 4}
MOST_FIRST_MS, MOST_CSV_FIRST_MS = 250, 60
MOST_MB = 250
MB = 1e6

OURS, KERAS, KERAS32, TORCH = "mlp", "Keras", "Keras, 32 steps a call", "PyTorch"
FIRST_STEP = re.compile(r"first step after (\d+) ms")


@dataclasses.dataclass
class Run:
    """One process. Times are seconds, since its start where they are no durations."""

    seconds: float
    first_step: float
    epochs: list[float]  # each with its evaluation; of ours, all but the first
    peak_mb: float
    said_ms: float | None = None  # the first step, as the program itself tells it


def start(command: list) -> tuple[subprocess.Popen, float, float]:
    """Stdout and stderr of the process come together. The times are those of the monotonic and of the system's clock."""
    times = time.monotonic(), time.time()
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True), *times


def end(process: subprocess.Popen, begin: float, text: str) -> tuple[float, float]:
    """Waits for the exit; gives seconds since `begin`, and the most memory held, in MB."""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, process.args))} ends with {process.returncode}:\n{text}")
    return seconds, usage.ru_maxrss * 1024 / MB


def run_ours(program: pathlib.Path, train: pathlib.Path, folder: pathlib.Path, settings: dict) -> Run:
    options = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    command = [program, "train", "--train", train, "--model_dir", folder / "model", "--output_dir", folder, *options]
    process, begin, _ = start(command)
    lines = [(time.monotonic() - begin, line) for line in process.stdout]
    seconds, peak_mb = end(process, begin, "".join(line for _, line in lines))
    first_step, said = next((at, found) for at, line in lines if (found := FIRST_STEP.search(line)))
    ends = [at for at, line in lines if line.startswith("Epoch ")]
    return Run(seconds, first_step, list(np.diff(ends)), peak_mb, float(said[1]))


def run_script(script: str, data: pathlib.Path, folder: pathlib.Path, *arguments: str) -> Run:
    process, begin, system_begin = start([sys.executable, page.ROOT / "bench/job" / script, data, folder, *arguments])
    text = process.stdout.read()
    seconds, peak_mb = end(process, begin, text)
    told = json.loads(text.splitlines()[-1])
    return Run(seconds, told["first_step"] - system_begin, told["epochs"], peak_mb)


def check(folder: pathlib.Path, name: str):
    predictions = np.loadtxt(folder / "prediction.csv", delimiter=",")
    accuracy = (predictions[:, 0] == predictions[:, 1]).mean()
    if len(predictions) != 10_000 or accuracy < LEAST_ACCURACY:
        raise RuntimeError(f"{name} has learned another thing: accuracy {accuracy:.4f} of {len(predictions)} rows")


def write_csv(path: pathlib.Path):
    random = np.random.default_rng(0)
    rows = random.normal(size=(CSV_ROWS, CSV_FEATURES))
    labels = (rows[:, :5].sum(axis=1) > 0).astype(int)
    header = ",".join(["label", *(f"f{i}" for i in range(CSV_FEATURES))])
    lines = [f"{label},{','.join(f'{value:.6f}' for value in row)}" for label, row in zip(labels, rows, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")


Results = dict[str, list[Run]]


def measure(program: pathlib.Path, data: pathlib.Path, rounds: int, progress) -> tuple[Results, list[Run]]:
    """The runs of each job on MNIST, and those of ours on CSV."""
    jobs = {
        OURS: lambda folder: run_ours(program, data, folder, RECIPE),
        KERAS: lambda folder: run_script("keras_job.py", data, folder, "1"),
        KERAS32: lambda folder: run_script("keras_job.py", data, folder, "32"),
        TORCH: lambda folder: run_script("torch_job.py", data, folder),
    }
    results: Results = {name: [] for name in jobs}
    on_csv = []
    # Their files come into memory, so that nobody's start waits for the disk.
    for package in ("keras", "torch"):
        subprocess.run([sys.executable, "-c", f"import {package}"], check=True, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="mlp-bench-") as name:
        write_csv(csv := pathlib.Path(name) / "rows.csv")
        run_ours(program, csv, pathlib.Path(name), {"target": "label", "epochs": 1})
        for _ in range(rounds):
            for job, run in jobs.items():
                with tempfile.TemporaryDirectory(prefix="mlp-bench-") as folder:
                    results[job].append(last := run(pathlib.Path(folder)))
                    check(pathlib.Path(folder), job)
                progress(f"{job}: {last.seconds:.2f} s, first step after {last.first_step:.3f} s, {last.peak_mb:.0f} MB")
            for _ in range(CSV_RUNS):
                on_csv.append(run_ours(program, csv, pathlib.Path(name), {"target": "label", "epochs": 1}))
            progress(f"CSV: first step after {1000 * median(on_csv, 'first_step'):.0f} ms")
    return results, on_csv


def median(runs: list[Run], field: str) -> float:
    return statistics.median(getattr(run, field) for run in runs)


def epoch_seconds(runs: list[Run]) -> float:
    """Of an epoch that is not the first."""
    return statistics.median(seconds for run in runs for seconds in run.epochs[-(EPOCHS - 1) :])


def peer(results: Results, name: str, figure) -> float:
    """The best that a framework's scripts give."""
    return min(figure(results[job]) for job in results if job.startswith(name))


def bars(results: Results, on_csv: list[Run]) -> tuple[list[str], list[str]]:
    """A sentence for each bar, and one for each that is missed."""
    ours = results[OURS]
    all_bars = []
    for name, least in LEAST_SPEED.items():
        ratio = peer(results, name, lambda runs: median(runs, "seconds")) / median(ours, "seconds")
        all_bars.append((f"The whole job is done {ratio:.1f} times as fast as by {name}; the bar is {least}.", ratio >= least))
    for name, least in LEAST_EPOCH_SPEED.items():
        ratio = peer(results, name, epoch_seconds) / epoch_seconds(ours)
        text = f"An epoch with its evaluation is done {ratio:.1f} times as fast as by {name}; the bar is {least}."
        all_bars.append((text, ratio >= least))
    for what, runs, most in (("MNIST", ours, MOST_FIRST_MS), (f"{CSV_ROWS:,} rows of CSV", on_csv, MOST_CSV_FIRST_MS)):
        found = 1000 * median(runs, "first_step")
        said = median(runs, "said_ms")
        text = f"The first step on {what} is done {found:.0f} ms after the start (its own line says {said:.0f}); the bar is {most}."
        all_bars.append((text.replace(",", " ", 1) if runs is on_csv else text, found <= most))
    peak_mb = max(run.peak_mb for run in ours)
    all_bars.append((f"It takes at most {peak_mb:.0f} MB of memory; the bar is {MOST_MB}.", peak_mb <= MOST_MB))
    return [sentence for sentence, _ in all_bars], [sentence for sentence, met in all_bars if not met]


def table(results: Results) -> str:
    header = ["job", "start to exit, s", "spread", "first step after, s", "an epoch, s", "peak memory, MB"]
    rows = []
    for job, runs in results.items():
        seconds = [run.seconds for run in runs]
        spread = (max(seconds) - min(seconds)) / statistics.median(seconds)
        first = f"{median(runs, 'first_step'):.3f}"
        row = [job, f"{statistics.median(seconds):.2f}", f"{spread:.0%}", first, f"{epoch_seconds(runs):.3f}"]
        rows.append([*row, page.grouped(max(run.peak_mb for run in runs))])
    return page.table(header, rows)


def section(results: Results, on_csv: list[Run], rounds: int, version: str) -> str:
    sentences, missed = bars(results, on_csv)
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("keras", "tensorflow-cpu", "torch", "numpy"))
    return f"""The job of the TensorFlow demo as a process of its own, from its start to its exit, in `mlp train`, Keras and PyTorch.
`make bench-job` measures it and writes this section.

{table(results)}

{chr(10).join(f"- {sentence}" for sentence in sentences)}

Of the bars of this run:{page.verdict(missed)}

- All read `mnist.npz`, train 784-128-10 with dropout 0.2 for {EPOCHS} epochs, batches of 64, Adam at 0.01, judge each epoch by
  the 10 000 test rows, and write the model and `prediction.csv`, whose accuracy is checked. `mlp` also computes all its
  metrics of all rows.
- Keras is `fit` as in the demo, and once more with `steps_per_execution` 32; a bar goes by the faster of the two. PyTorch is
  a loop over one tensor of all rows, without a loader, and fused Adam. Both are in [bench/job](../bench/job).
- Each run is a new process, the jobs in turn, {rounds} rounds; all files are in memory already. Times are medians, taken by
  the process that starts them; of epochs, all but the first; the spread is the widest difference between rounds. Memory is
  the most that a process held in any round (`ru_maxrss`).
- The CSV file has {CSV_ROWS // 1000} 000 rows of {CSV_FEATURES} features; {CSV_RUNS} runs in each round.

The script is [bench/job.py](../bench/job.py). Measured on: {page.machine()}; {version}; Python {sys.version.split()[0]}; {packages}.
"""


def find_data(given: pathlib.Path | None) -> pathlib.Path | None:
    places = [given] if given else [page.ROOT / "data/mnist.npz", page.ROOT / "../shared/data/mnist/mnist.npz"]
    return next((path.resolve() for path in places if path.is_file()), None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, help="mnist.npz, as Keras has it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=pathlib.Path, help="the page to write the section of")
    parser.add_argument("--program", type=pathlib.Path, default=page.ROOT / "build/release/bin/mlp")
    options = parser.parse_args()
    data, program = find_data(options.data), options.program.resolve()
    if data is None:
        parser.error("there is no mnist.npz: put Keras's file to data/mnist.npz, or name it by --data")
    if not program.exists():
        parser.error(f"there is no {program}")

    results, on_csv = measure(program, data, options.rounds, lambda text: print(text, flush=True))
    print(f"\n{table(results)}\n")
    sentences, missed = bars(results, on_csv)
    print("\n".join(sentences))
    if options.write:
        version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
        page.write_section(options.write, page.JOB, section(results, on_csv, options.rounds, version))
    print("\n".join(["Missed:", *missed]) if missed else "All bars are met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
