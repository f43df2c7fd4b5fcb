"""Does mlp learn in bfloat16 as in float32? Runs of both with the same seeds, as Markdown tables.

The bars: over the seeds, the mean difference of the test accuracy on MNIST by the seed's recipe is at least -(0.05
points plus two standard errors), and that of the test rows' log-loss on optdigits at most 1 % of float32's mean plus
two standard errors, to either side. For each set of kernels that this CPU has. Exits 1 if one of them is missed.
"""

import argparse
import dataclasses
import pathlib
import shutil
import sys
import tempfile

import numpy as np

import parity
import program
import quality

STANDARD_ERRORS = 2
LEARNING_RATE = 0.001
# Of the mean of float32.
ALLOWED_SHARE = 0.01
PRECISIONS = ("float32", "bfloat16")


@dataclasses.dataclass
class Pairs:
    """What two runs of each seed came to, which differ in their precision alone."""

    score: str
    float32: np.ndarray
    bfloat16: np.ndarray

    @property
    def differences(self) -> np.ndarray:
        return self.bfloat16 - self.float32

    @property
    def spread(self) -> float:
        """The standard deviation of a difference."""
        return float(self.differences.std(ddof=1))

    def bar(self, spread: float | None = None) -> tuple[float, float]:
        """Between which the mean difference has to be; `spread`, where that of so few seeds tells little."""
        error = (self.spread if spread is None else spread) / np.sqrt(len(self.differences))
        noise = STANDARD_ERRORS * float(error)
        if self.score == "accuracy":
            return -(parity.ALLOWED_POINTS + noise), np.inf
        allowed = ALLOWED_SHARE * float(self.float32.mean()) + noise
        return -allowed, allowed

    def is_met(self, spread: float | None = None) -> bool:
        lowest, highest = self.bar(spread)
        return bool(lowest <= self.differences.mean() <= highest)


def mnist_pairs(mlp: program.Mlp, mnist: pathlib.Path, seeds: int, epochs: int = 5) -> Pairs:
    """Test accuracies in percent."""
    runs = [parity.ours(mlp, mnist, seeds, epochs, LEARNING_RATE, precision=precision) for precision in PRECISIONS]
    return Pairs("accuracy", *(run.accuracy for run in runs))


def optdigits_pairs(mlp: program.Mlp, data: pathlib.Path, seeds: int, epochs: int = 30) -> Pairs:
    """Log-losses of optdigits' own test rows. mlp brings the features to mean 0 and variance 1 itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for channel, ending in (("train", "tra"), ("test", "tes")):
            (folder / channel).mkdir()
            shutil.copy(data / f"optdigits/optdigits.{ending}", folder / channel / "rows.csv")

        def log_loss(precision: str, seed: int) -> float:
            trained = mlp.train(
                folder,
                folder / "train",
                test=folder / "test",
                target="Class",
                task="classification",
                dense_hidden="128,64",
                drop_rate=0.2,
                learning_rate=LEARNING_RATE,
                batch_size=64,
                epochs=epochs,
                seed=seed,
                num_threads=quality.NUM_THREADS,
                precision=precision,
            )
            return trained.metrics("test")["log_loss"]

        scores = [np.array([log_loss(precision, seed) for seed in range(seeds)]) for precision in PRECISIONS]
    return Pairs("log-loss", *scores)


def table(pairs: Pairs) -> str:
    digits = 2 if pairs.score == "accuracy" else 5
    lines = ["| seed | float32 | bfloat16 | difference |", "|---|---|---|---|"]
    columns = (pairs.float32, pairs.bfloat16, pairs.differences)
    for seed, (a, b, difference) in enumerate(zip(*columns)):
        lines.append(f"| {seed} | {a:.{digits}f} | {b:.{digits}f} | {difference:+.{digits}f} |")
    for name, of in (
        ("mean", np.mean),
        ("standard error", lambda values: values.std(ddof=1) / np.sqrt(len(values))),
    ):
        a, b, difference = map(of, columns)
        lines.append(f"| {name} | {a:.{digits + 1}f} | {b:.{digits + 1}f} | {difference:+.{digits + 1}f} |")
    return "\n".join(lines)


def verdict(pairs: Pairs) -> str:
    lowest, highest = pairs.bar()
    bar = f"at least {lowest:+.3f}" if highest == np.inf else f"within {highest:.5f}"
    share = f" ({pairs.differences.mean() / pairs.float32.mean():+.2%})" if pairs.score == "log-loss" else ""
    return f"mean difference {pairs.differences.mean():+.5f}{share}, bar {bar}: {'met' if pairs.is_met() else 'MISSED'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--mnist", type=pathlib.Path, default=program.mnist_path())
    parser.add_argument("--data", type=pathlib.Path, default=quality.data_dir())
    parser.add_argument("--program", type=pathlib.Path, default=program.default_path())
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("a standard error needs at least two seeds")
    for path in (options.mnist, options.data / "optdigits", options.program):
        if not path.exists():
            parser.error(f"there is no {path}")
    sets = program.bfloat16_kernels()
    if not sets:
        print("Skipped: this CPU has neither AMX nor AVX512-BF16, and mlp refuses bfloat16 on it.")
        return 0

    met = True
    for name, environment in sets.items():
        mlp = program.Mlp(options.program, environment)
        for title, run, data in (
            ("MNIST, test accuracy in percent", mnist_pairs, options.mnist),
            ("optdigits, log-loss of the test rows", optdigits_pairs, options.data),
        ):
            pairs = run(mlp, data, options.seeds)
            print(f"{title}, kernels {name}:\n\n{table(pairs)}\n\n{verdict(pairs)}\n", flush=True)
            met = met and pairs.is_met()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
