"""Is mlp as good as Keras by the seed's recipe? Test accuracy on MNIST over many seeds, as a Markdown table.

The bar: the mean of ours is at most 0.05 points plus two standard errors of the difference below Keras's.
Exits 1 if it is missed at any learning rate.
"""

import argparse
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

import program

ALLOWED_POINTS = 0.05
STANDARD_ERRORS = 2


@dataclasses.dataclass
class Runs:
    accuracy: np.ndarray  # in percent, one per seed
    seconds: np.ndarray  # of the whole process, start and data included

    @property
    def mean(self) -> float:
        return float(self.accuracy.mean())

    @property
    def variance(self) -> float:
        return float(self.accuracy.var(ddof=1)) if len(self.accuracy) > 1 else 0.0

    @property
    def standard_error(self) -> float:
        return float(np.sqrt(self.variance / len(self.accuracy)))


def collect(run, seeds: int) -> Runs:
    accuracy, seconds = [], []
    for seed in range(seeds):
        start = time.perf_counter()
        accuracy.append(100 * run(seed))
        seconds.append(time.perf_counter() - start)
    return Runs(np.array(accuracy), np.array(seconds))


def ours(mlp: program.Mlp, mnist: pathlib.Path, seeds: int, epochs: int, learning_rate: float, **flags) -> Runs:
    with np.load(mnist) as arrays:
        y_test = arrays["y_test"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "data").mkdir()
        shutil.copy(mnist, folder / "data/mnist.npz")

        def run(seed: int) -> float:
            trained = mlp.train(
                folder,
                folder / "data",
                epochs=epochs,
                batch_size=64,
                dense_hidden=128,
                drop_rate=0.2,
                learning_rate=learning_rate,
                seed=seed,
                **flags,
            )
            written = np.loadtxt(trained.output_dir / "prediction.csv", delimiter=",")
            assert np.array_equal(written[:, 0], y_test)
            return float((written[:, 1] == y_test).mean())

        return collect(run, seeds)


def theirs(mnist: pathlib.Path, seeds: int, epochs: int, learning_rate: float) -> Runs:
    recipe = pathlib.Path(__file__).with_name("keras_recipe.py")

    def run(seed: int) -> float:
        arguments = {"data": mnist, "epochs": epochs, "learning_rate": learning_rate, "seed": seed}
        done = subprocess.run(
            [sys.executable, recipe, *(f"--{name}={value}" for name, value in arguments.items())],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])["accuracy"]

    return collect(run, seeds)


def lowest_difference(a: Runs, b: Runs) -> float:
    """The bar for a.mean - b.mean, in points. A single run has no spread, so it is taken to be the other's."""
    variances = [runs.variance if len(runs.accuracy) > 1 else other.variance for runs, other in ((a, b), (b, a))]
    error = np.sqrt(variances[0] / len(a.accuracy) + variances[1] / len(b.accuracy))
    return -(ALLOWED_POINTS + STANDARD_ERRORS * float(error))


def table_row(learning_rate: float, name: str, runs: Runs) -> str:
    return (
        f"| {learning_rate:g} | {name} | {len(runs.accuracy)} | {runs.mean:.3f} | {runs.standard_error:.3f} "
        f"| {runs.seconds.mean():.1f} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="runs of ours per learning rate")
    parser.add_argument("--keras_seeds", type=int, default=5, help="runs of Keras per learning rate")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--learning_rates", type=float, nargs="+", default=[0.001, 0.01])
    parser.add_argument("--data", type=pathlib.Path, default=program.mnist_path())
    parser.add_argument("--program", type=pathlib.Path, default=program.default_path())
    options = parser.parse_args()
    if min(options.seeds, options.keras_seeds) < 2:
        parser.error("a standard error needs at least two seeds on each side")
    for path in (options.data, options.program):
        if not path.is_file():
            parser.error(f"there is no file {path}")

    print(f"Test accuracy on MNIST after {options.epochs} epochs, in percent; seconds are of whole processes.\n")
    print("| learning rate | by | seeds | mean | standard error | seconds per job |")
    print("|---|---|---|---|---|---|", flush=True)
    verdicts = []
    for learning_rate in options.learning_rates:
        a = ours(program.Mlp(options.program), options.data, options.seeds, options.epochs, learning_rate)
        print(table_row(learning_rate, "mlp", a), flush=True)
        b = theirs(options.data, options.keras_seeds, options.epochs, learning_rate)
        print(table_row(learning_rate, "Keras", b), flush=True)
        verdicts.append((learning_rate, a.mean - b.mean, lowest_difference(a, b)))
    print()
    for learning_rate, difference, lowest in verdicts:
        verdict = "met" if difference >= lowest else "MISSED"
        print(f"learning rate {learning_rate:g}: difference {difference:+.3f} points, bar {lowest:+.3f}: {verdict}")
    return 0 if all(difference >= lowest for _, difference, lowest in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
