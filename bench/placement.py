"""What does a training step of two threads take where it has not two idle cores? docs/benchmarks.md is its answer.

The bars: pinned to one core, at most 1.1 times the time of one thread there; with a busy process on one of two cores, at most
1.15 times that. And the losses are the same to the last bit wherever the two threads ran. Exits 1 if one of them is missed.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

import contestants
import page
import shapes

ONE, TWO, PINNED, CROWDED, BUSY = WAYS = (
    "1 thread, pinned to a core",
    "2 threads, both cores",
    "2 threads, pinned to a core",
    "2 workers pinned to a core",
    "2 threads, a core busy",
)
MOST_PINNED = 1.1
MOST_BUSY = 1.15
WARM_UP_SECONDS = 0.5

Times = dict[tuple[str, str], list[float]]  # microseconds per step, of each round, by shape and way


def measure(shape: shapes.Shape, options, folder: pathlib.Path, times: Times) -> dict[str, float]:
    """Gives the mean loss of the first steps, by way."""
    first, *_, last = sorted(os.sched_getaffinity(0))
    pinned = ["taskset", "--cpu-list", str(first)]
    # Threads, workers, command before. `mlp train` starts as many workers as it has threads and CPUs to run them on.
    settings = {ONE: (1, 1, pinned), TWO: (2, 2, []), PINNED: (2, 1, pinned), CROWDED: (2, 2, pinned), BUSY: (2, 2, [])}
    shapes.write(shape, folder)
    running: dict[str, contestants.Worker] = {}
    try:
        for number, (way, (threads, workers, prefix)) in enumerate(settings.items()):
            log = folder / f"{number}.log"
            running[way] = contestants.mlp(folder, options.precision, log, threads, workers, prefix)
        losses = {way: worker.ask("learn", steps=shape.checked_steps)["loss"] for way, worker in running.items()}
        for _ in range(options.rounds):
            for way, worker in running.items():
                answer, _ = contestants.measured(worker, {}, options.seconds, WARM_UP_SECONDS, last if way == BUSY else None)
                times.setdefault((shape.name, way), []).append(statistics.median(answer["stretches_us"]))
                print(f"{shape.name}, {way}: {times[shape.name, way][-1]:.1f} us a step", flush=True)
    finally:
        for worker in running.values():
            worker.stop()
        for path in folder.iterdir():
            path.unlink()
    return losses


def bars(times: Times, losses: dict[str, dict[str, float]]) -> tuple[list[str], list[str]]:
    sentences = []
    for shape, found in losses.items():
        one = statistics.median(times[shape, ONE])
        for way, bar in ((PINNED, MOST_PINNED), (BUSY, MOST_BUSY)):
            ratio = statistics.median(times[shape, way]) / one
            sentences.append((f"{shape}, {way}: {ratio:.2f} of one thread's time; the bar is {bar:g}.", ratio <= bar))
        same = len({found[way] for way in WAYS if way != ONE}) == 1
        sentences.append((f"{shape}: the losses of 2 threads are {'the same' if same else 'NOT the same'} in all places.", same))
    return [sentence for sentence, _ in sentences], [sentence for sentence, met in sentences if not met]


def table(times: Times) -> str:
    rows = []
    for (shape, way), found in times.items():
        median, one = statistics.median(found), statistics.median(times[shape, ONE])
        rows.append([shape, way, f"{median:.1f} us", f"{(max(found) - min(found)) / median:.0%}", f"{median / one:.2f}"])
    return page.table(["shape", "where", "a step", "spread", "to 1 thread"], rows)


def section(times: Times, losses, options) -> str:
    sentences, missed = bars(times, losses)
    return f"""A training step of `mlp train` with `num_threads` 1 and 2, where the process is pinned to one core or shares its two
with another. `make bench-placement` measures them and writes this section.

{table(times)}

{chr(10).join(f"- {sentence}" for sentence in sentences)}

Of the bars of this run:{page.verdict(missed)}

The shapes are those of the training steps above, in {options.precision}. Pinned to one core, `mlp train` starts one worker, which does the
work of both threads; two workers are what a process has that is pinned after its start. The busy process is a loop that is
pinned to one of the two cores. {options.rounds} rounds of {options.seconds:g} s for each, in turn; figures are medians, the spread is the widest difference
between rounds. The script is [bench/placement.py](../bench/placement.py). Measured on: {page.machine()}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="a64,a128,b,c,d", help="some, by commas")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each run")
    parser.add_argument("--write", type=pathlib.Path, help="the page to write the section of")
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        parser.error("this needs two cores")

    times: Times = {}
    with tempfile.TemporaryDirectory(prefix="mlp-bench-") as folder:
        try:
            losses = {
                name: measure(shapes.SHAPES[name], options, pathlib.Path(folder), times) for name in options.shapes.split(",")
            }
        except (contestants.Failed, contestants.idle.Busy) as error:
            print(error, file=sys.stderr)
            return 1
    sentences, missed = bars(times, losses)
    print("\n".join(["", table(times), "", *sentences]))
    if options.write:
        page.write_section(options.write, page.PLACEMENT, section(times, losses, options))
    print("\n".join(["Missed:", *missed]) if missed else "All bars are met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
