"""How long does a training step take, beside other frameworks and the machine's limits? docs/benchmarks.md is its answer.

All train the same networks (bench/shapes.py) on the same rows, in whole batches of an order drawn anew for each pass, with
Adam, dropout where the shape has it, and 2 threads. They take turns, round after round, each after a warm-up and while
nothing else runs; a figure is the median of the rounds. Who doesn't learn, or learns something else, is refused: the mean
loss of the first steps has to be that of mlp, and later losses lower. The bars stand in BARS; exits 1 if one is missed.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import contestants
import page
import shapes

OURS = "mlp"
EAGER = "PyTorch"
PRECISIONS = ("float32", "bfloat16")
# By the name of its script: who it is in the tables, with the variant that it is asked for.
PEERS = {
    "torch": {EAGER: "eager", "PyTorch, compiled": "compile"},
    "tensorflow": {"Keras, fit": "fit", "TensorFlow, XLA": "function"},
    "jax": {"JAX, scan": "unsafe_rbg"},
    "sklearn": {"scikit-learn": "classifier"},
}
WITHOUT_BFLOAT16 = WITHOUT_DROPOUT = "sklearn"
WARM_UP_SECONDS = 0.25
CEILING_SECONDS = 0.3
# The widest difference of the first steps' mean loss from that of mlp: the initial weights are other draws.
LOSS_TOLERANCE = 0.15
# What the last run's mean loss is at most, as a share of the first steps'.
MOST_OF_FIRST_LOSS = 0.97

# Round trips of a cache line, in ns, up to which two CPUs count as neighbours under one cache.
NEIGHBOURS_NS = 170

# Ratios of the step times: theirs to ours, at least.
BARS_EAGER = {"a64": 4.0, "a128": 3.5, "b": 10, "c": 1.6, "d": {"AMX": 1.0, "": 1.08}, "e": {"AMX": 1.0, "": 1.08}}
BARS_FASTEST = {"a64": 1.8, "a128": 1.6, "b": 2.5, "c": 1.4, "d": {"AMX": 1.0, "": 1.05}, "e": {"AMX": 1.0, "": 1.05}}
BARS_BFLOAT16 = {
    "a64": {"AMX": 5, "": 2.5},
    "a128": {"AMX": 5, "": 2.5},
    "b": {"AMX": 10, "": 4},
    "c": {"AMX": 3, "": 1.8},
    "d": {"AMX": 1.15, "": 1.0},
    "e": {"AMX": 1.3, "": 1.0},
}
BARS_OWN_FLOAT32 = {"c": 2.5, "d": 2.5, "e": 2.5}  # with AMX
BARS_GEMM = {"c": 0.75, "d": 0.88, "e": 0.88}  # of the step's time, by the matrix products alone


@dataclasses.dataclass
class Figures:
    """Of one contestant, shape and precision: a value per round."""

    step_us: list[float] = dataclasses.field(default_factory=list)
    losses: list[float] = dataclasses.field(default_factory=list)  # of the first steps, then of each round
    others: list[float] = dataclasses.field(default_factory=list)  # the share of a CPU that other processes took

    @property
    def median(self) -> float:
        return statistics.median(self.step_us)

    @property
    def spread(self) -> float:
        return (max(self.step_us) - min(self.step_us)) / self.median


@dataclasses.dataclass
class Ceilings:
    """Of one shape: a value per round."""

    gemm_us: dict[str, list[float]] = dataclasses.field(default_factory=dict)  # by precision
    triad_gb_s: list[float] = dataclasses.field(default_factory=list)
    parameters: int = 0

    def gemm(self, precision: str) -> float | None:
        times = self.gemm_us.get(precision)
        return statistics.median(times) if times else None

    def memory_us(self, shape: shapes.Shape, precision: str) -> float:
        """The time to move what a step can't do without: rows in and gathered, the gradient out and in, weights and two
        moments in and out, and in bfloat16 the weights out once more."""
        rows = shape.batch_size * shape.inputs
        bytes_moved = 8 * rows + 32 * self.parameters if precision == "float32" else 6 * rows + 34 * self.parameters
        return bytes_moved / statistics.median(self.triad_gb_s) / 1e3


@dataclasses.dataclass
class Results:
    figures: dict[tuple[str, str, str], Figures] = dataclasses.field(default_factory=dict)  # by shape, precision, who
    ceilings: dict[str, Ceilings] = dataclasses.field(default_factory=dict)
    refusals: dict[str, str] = dataclasses.field(default_factory=dict)  # by precision: why mlp has none of it
    round_trips_ns: list[float] = dataclasses.field(default_factory=list)
    versions: list[str] = dataclasses.field(default_factory=list)

    def ours(self, shape: str, precision: str) -> Figures | None:
        return self.figures.get((shape, precision, OURS))

    def peers(self, shape: str, precision: str) -> dict[str, Figures]:
        return {
            who: figures for (s, p, who), figures in self.figures.items() if (s, p) == (shape, precision) and who != OURS
        }


def cpu_kind() -> str:
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    return "AMX" if "amx_bf16" in flags else "AVX512-BF16" if "avx512_bf16" in flags else "neither"


def ceilings_of(*arguments) -> dict:
    program = page.ROOT / "build/release/bin/mlp_bench_ceilings"
    done = subprocess.run([program, *map(str, arguments)], stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def probe(results: Results):
    contestants.idle.wait()
    round_trip = ceilings_of("latency")["round_trip_ns"]
    if round_trip:
        results.round_trips_ns.append(round_trip)


def measure_ceilings(folder: pathlib.Path, ceilings: Ceilings):
    contestants.idle.wait()
    found = ceilings_of(folder, CEILING_SECONDS)
    for precision in PRECISIONS:
        if found[f"gemm_{precision}_us"] is not None:
            ceilings.gemm_us.setdefault(precision, []).append(found[f"gemm_{precision}_us"])
    ceilings.triad_gb_s.append(found["triad_gb_s"])
    ceilings.parameters = found["parameters"]


def check(shape: shapes.Shape, precision: str, who: str, first: float, ours: float | None, without_dropout: bool):
    """Of the mean loss of the first steps: other features, targets, order, network or optimizer give another one."""
    if ours is None:
        return
    low = 0.5 if without_dropout and shape.drop_rate else 1 - LOSS_TOLERANCE
    if not low * ours <= first <= (1 + LOSS_TOLERANCE) * ours:
        raise RuntimeError(
            f"{who} trains something else, {shape.name} in {precision}: the mean loss of the first {shape.checked_steps} steps "
            f"is {first:.4f}, where that of {OURS} is {ours:.4f}"
        )


def measure_shape(shape: shapes.Shape, peers: dict[str, contestants.Worker], options, folder: pathlib.Path, results: Results):
    def progress(text):
        print(f"{shape.name}: {text}", flush=True)

    shapes.write(shape, folder / shape.name)
    running = {}  # by precision and who: a worker, and what tells it which trial is meant
    own = []
    first_losses = {}
    try:
        for precision in options.precision:
            try:
                own.append(contestants.mlp(folder / shape.name, precision, folder / f"mlp-{shape.name}-{precision}.log"))
                running[precision, OURS] = own[-1], {}
            except contestants.Failed as error:
                results.refusals[precision] = str(error)
                progress(f"{OURS} has no {precision}: {error}")
            for name, worker in peers.items():
                for who, variant in PEERS[name].items():
                    if not (precision == "bfloat16" and name == WITHOUT_BFLOAT16):
                        trial = {"folder": str(folder / shape.name), "variant": variant, "precision": precision}
                        worker.ask("prepare", **trial)
                        running[precision, who] = worker, trial
        for (precision, who), (worker, trial) in running.items():
            first = worker.ask("learn", steps=shape.checked_steps, **trial)["loss"]
            first_losses[precision, who] = first
            progress(f"{precision}, {who}: the first {shape.checked_steps} steps' mean loss is {first:.4f}")
            ours = first_losses.get((precision, OURS), first_losses.get(("float32", OURS)))
            check(shape, precision, who, first, ours, worker is peers.get(WITHOUT_DROPOUT))
            results.figures[shape.name, precision, who] = Figures(losses=[first])
        ceilings = results.ceilings.setdefault(shape.name, Ceilings())
        turns = list(running.items())
        for number in range(options.rounds):
            probe(results)
            measure_ceilings(folder / shape.name, ceilings)
            for (precision, who), (worker, trial) in turns[number % len(turns) :] + turns[: number % len(turns)]:
                answer, others = contestants.measured(worker, trial, options.seconds, WARM_UP_SECONDS)
                figures = results.figures[shape.name, precision, who]
                figures.step_us.append(statistics.median(answer["stretches_us"]))
                figures.losses.append(answer["loss"])
                figures.others.append(others)
                progress(f"{precision}, {who}: {figures.step_us[-1]:.1f} us a step, loss {answer['loss']:.4f}")
        probe(results)
        for precision, who in running:
            losses = results.figures[shape.name, precision, who].losses
            if not losses[-1] <= MOST_OF_FIRST_LOSS * losses[0]:
                raise RuntimeError(f"{who} does not learn, {shape.name} in {precision}: its losses are {losses}")
    finally:
        for worker in own:
            worker.stop()
        for worker in peers.values():
            worker.ask("forget")
        for path in (folder / shape.name).iterdir():
            path.unlink()


def bar_of(bars: dict, shape: str, kind: str) -> float | None:
    bar = bars.get(shape)
    return bar.get(kind, bar[""]) if isinstance(bar, dict) else bar


def neighbours(results: Results) -> bool:
    return not results.round_trips_ns or statistics.median(results.round_trips_ns) <= NEIGHBOURS_NS


def bars(results: Results, kind: str) -> tuple[list[str], list[str]]:
    """A sentence for each bar that this run can tell of, and one for each that is missed."""
    sentences: list[tuple[str, bool]] = []
    together = neighbours(results)

    def ratio(found, text, bar, binding=True):
        if not binding:
            text += f" (the bar of {bar:g} holds where both cores share a cache)"
            bar = 1.0
        sentences.append((f"{text}: {found:.2f}; the bar is {bar:g}.", found >= bar))

    for shape in results.ceilings:
        plain = results.ours(shape, "float32")
        half = results.ours(shape, "bfloat16")
        if plain:
            peers = results.peers(shape, "float32")
            if EAGER in peers:
                bar = bar_of(BARS_EAGER, shape, kind)
                ratio(peers[EAGER].median / plain.median, f"{shape}, float32, {EAGER}'s time to ours", bar, together)
            if peers:
                who = min(peers, key=lambda name: peers[name].median)
                text = f"{shape}, float32, the time of the fastest ({who}) to ours"
                ratio(peers[who].median / plain.median, text, bar_of(BARS_FASTEST, shape, kind), together)
            if shape in BARS_GEMM:
                share = results.ceilings[shape].gemm("float32") / plain.median
                ratio(share, f"{shape}, float32, the share of dnnl_sgemm's rate", BARS_GEMM[shape])
        if kind == "neither" or not results.peers(shape, "bfloat16"):
            continue
        if not half:
            sentences.append((f"{shape}, bfloat16: no figure, {OURS} has none here.", False))
            continue
        peers = results.peers(shape, "bfloat16")
        who = min(peers, key=lambda name: peers[name].median)
        text = f"{shape}, bfloat16, the time of the fastest ({who}) to ours"
        ratio(peers[who].median / half.median, text, bar_of(BARS_BFLOAT16, shape, kind), together)
        if plain and kind == "AMX" and shape in BARS_OWN_FLOAT32:
            ratio(plain.median / half.median, f"{shape}, our time in float32 to that in bfloat16", BARS_OWN_FLOAT32[shape])
    return [sentence for sentence, _ in sentences], [sentence for sentence, met in sentences if not met]


def table(results: Results) -> str:
    def time_of(us):
        return f"{us:.1f} us" if us < 1e3 else f"{us / 1e3:.2f} ms" if us < 1e5 else f"{us / 1e3:.0f} ms"

    rows = []
    for (name, precision, who), figures in results.figures.items():
        shape, ceilings, ours = shapes.SHAPES[name], results.ceilings[name], results.ours(name, precision)
        is_ours = figures is ours
        gemm = ceilings.gemm(precision)
        rows.append(
            [
                *(name, precision, who, time_of(figures.median), f"{figures.spread:.0%}"),
                page.grouped(shape.batch_size / figures.median * 1e6),
                f"{figures.median / ours.median:.2f}" if ours else "",
                f"{gemm / figures.median:.0%}" if is_ours and gemm else "",
                f"{ceilings.memory_us(shape, precision) / figures.median:.0%}" if is_ours else "",
            ]
        )
    header = ["shape", "precision", "who", "a step", "spread", "rows/s", "its time to ours"]
    return page.table([*header, "matrix products' share", "memory's share"], rows)


def shapes_table(results: Results) -> str:
    rows = []
    for name, ceilings in results.ceilings.items():
        shape = shapes.SHAPES[name]
        plain, half = (ceilings.gemm(precision) for precision in PRECISIONS)
        rows.append(
            [
                *(name, shape.layers, str(shape.batch_size), f"{shape.drop_rate:g}", page.grouped(ceilings.parameters)),
                f"{plain:.0f} us",
                f"{half:.0f} us" if half else "",
                f"{statistics.median(ceilings.triad_gb_s):.0f} GB/s",
            ]
        )
    header = ["shape", "network", "batch", "dropout", "parameters", "products alone, float32", "bfloat16", "memory"]
    return page.table(header, rows)


def section(results: Results, kind: str, options) -> str:
    sentences, missed = bars(results, kind)
    disturbed = max(max(figures.others) for figures in results.figures.values())
    kinds = {"AMX": "AMX", "AVX512-BF16": "AVX512-BF16 and no AMX", "neither": "neither AMX nor AVX512-BF16"}
    trips = results.round_trips_ns
    placement = (
        f"A cache line went from one core to the other and back in {min(trips):.0f} to {max(trips):.0f} ns (median "
        f"{statistics.median(trips):.0f}): they {'share' if neighbours(results) else 'do not share'} a cache."
        if trips
        else "There is one core."
    )
    return f"""A training step of `mlp train` beside those of other frameworks, whole: the batch gathered, forward, loss, backward,
Adam. `make bench-train` measures them all and writes this section.

{table(results)}

{shapes_table(results)}

{chr(10).join(f"- {sentence}" for sentence in sentences)}

Of the bars of this run:{page.verdict(missed)}

- All learn the same rows with the same network: random features with a class that follows from them, whole batches in an
  order drawn anew for each pass, relu, Adam at {shapes.LEARNING_RATE:g}, dropout where the shape has it (scikit-learn has none), 2 threads.
  That is checked: the mean loss of everybody's first steps is within {LOSS_TOLERANCE:.0%} of ours, but for scikit-learn's without
  dropout, and falls from there.
- PyTorch: tensors in memory indexed by the permutation, fused Adam; eager, and forward and backward through `torch.compile`;
  bfloat16 by autocast. Keras: `fit` on arrays, as it chooses; bfloat16 by its policy `mixed_bfloat16`. TensorFlow: a step in
  `tf.function(jit_compile=True)`. JAX: one `lax.scan` over the steps of a pass, gathering included (over {shapes.SHAPES["d"].steps_per_block} and {shapes.SHAPES["e"].steps_per_block} steps for d
  and e). In bfloat16 both compute with casts of float32 weights. scikit-learn: MLPClassifier's `partial_fit`.
- {options.rounds} rounds of {options.seconds:g} s for each, in turn, each after a warm-up of {WARM_UP_SECONDS:g} s or one call. The time of a run is the median over
  stretches of at least 50 ms, that of the table the median of the rounds; the spread is the widest difference between rounds.
- The shares are what our step would take for its matrix products alone, or for moving the bytes that it can't do without, as
  parts of what it takes. The products are timed as `dnnl_sgemm` (in bfloat16: oneDNN's matmul) runs them whole on two threads,
  the bytes at the rate of a triad over arrays of that size, both between the contestants' turns. Two threads gain little from
  sharing a small product; our step shares rows or hidden units instead, and may be faster than the sum of the products.
- A run begins when no other process takes more than {contestants.idle.MOST_BUSY:.0%} of a CPU, and is repeated where others took more than {contestants.MOST_DISTURBED:.0%} meanwhile,
  what the host took included; at most {max(disturbed, 0):.0%} is in these figures.
- {placement}

The script is [bench/train.py](../bench/train.py). Measured on: {page.machine()}, with {kinds[kind]}; Python {sys.version.split()[0]};
{", ".join(results.versions)}.
"""


def names(allowed):
    def parse(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; expected some of {', '.join(allowed)}")
        return chosen

    return parse


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", type=names(shapes.SHAPES), default=list(shapes.SHAPES), help="some, by commas")
    parser.add_argument("--precision", type=names(PRECISIONS), default=list(PRECISIONS), help="one or both, by commas")
    parser.add_argument("--peers", type=names(PEERS), default=list(PEERS), help="some, by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of each run; at least two stretches of 50 ms are measured")
    parser.add_argument("--write", type=pathlib.Path, help="the page to write the section of")
    options = parser.parse_args()

    start = time.perf_counter()
    kind = cpu_kind()
    results = Results()
    peers: dict[str, contestants.Worker] = {}
    with tempfile.TemporaryDirectory(prefix="mlp-bench-") as name:
        folder = pathlib.Path(name)
        try:
            for peer in options.peers:
                peers[peer] = contestants.peer(peer, folder / f"{peer}.log")
                results.versions.append(peers[peer].version)
            for shape in options.shapes:
                measure_shape(shapes.SHAPES[shape], peers, options, folder, results)
        except (contestants.Failed, contestants.idle.Busy, RuntimeError) as error:
            results.figures = {key: figures for key, figures in results.figures.items() if figures.step_us}
            print(f"{table(results)}\n\nNot finished: {error}", file=sys.stderr)
            return 1
        finally:
            for worker in peers.values():
                worker.stop()
    print(f"{time.perf_counter() - start:.0f} s\n\n{table(results)}\n\n{shapes_table(results)}\n")
    sentences, missed = bars(results, kind)
    print("\n".join(sentences))
    if options.write:
        page.write_section(options.write, page.TRAINING, section(results, kind, options))
    print("\n".join(["Missed:", *missed]) if missed else "All bars are met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
