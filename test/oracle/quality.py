"""Does mlp learn tables as well as scikit-learn's MLP and Keras do with the same settings? docs/quality.md is its answer.

The bars: no mean score of ours is worse than a peer's by more than two standard errors of the difference, and abalone
with gelu and adamw has an rmse below 2.2. Exits 1 if one of them is missed.
"""

import argparse
import csv
import dataclasses
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import sklearn
import tensorflow
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import program

STANDARD_ERRORS = 2
TEST_SHARE = 0.2
SPLIT_SEED = 0
EPSILON = 1e-7  # of Adam: ours and Keras's default
# Equal bits need an equal number of threads, whatever the machine has.
NUM_THREADS = 2


@dataclasses.dataclass(frozen=True)
class Job:
    data: str
    task: str
    epochs: int
    hidden: tuple[int, ...] = (64, 32)
    activation: str = "relu"
    optimizer: str = "adam"
    batch_size: int = 64
    learning_rate: float = 0.001
    rmse_below: float | None = None

    @property
    def classifies(self) -> bool:
        return self.task == "classification"

    @property
    def title(self) -> str:
        return f"{self.data}, {self.task}, {self.activation}, {self.optimizer}"


JOBS = [
    Job("optdigits", "classification", epochs=30),
    Job("abalone", "regression", epochs=60),
    Job("abalone", "regression", epochs=60, activation="gelu", optimizer="adamw", rmse_below=2.2),
    Job("wine-quality red", "regression", epochs=40),
    Job("wine-quality red", "classification", epochs=20),
    Job("wine-quality white", "regression", epochs=40),
    Job("wine-quality white", "classification", epochs=20),
]


@dataclasses.dataclass
class Rows:
    """Features [rows, width], and the target of each row: a number, for a classification too."""

    x: np.ndarray
    y: np.ndarray

    def take(self, rows) -> "Rows":
        return Rows(self.x[rows], self.y[rows])


def data_dir() -> pathlib.Path:
    return pathlib.Path(os.environ.get("MLP_DATA", program.ROOT / "../shared/data")).resolve()


def split(rows: Rows) -> tuple[Rows, Rows]:
    """Training and test rows, the same for all programs and seeds."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(rows.y))
    tests = round(TEST_SHARE * len(rows.y))
    return rows.take(order[tests:]), rows.take(order[:tests])


def load(data: str, folder: pathlib.Path) -> tuple[Rows, Rows]:
    """Training and test rows of a data set. Abalone's sex is three features, 0 or 1."""

    def read(name: str, first: int = 0) -> list[list[str]]:
        with open(folder / name, newline="") as file:
            return [row for row in csv.reader(file) if row][first:]

    def numbers(table: list[list[str]]) -> Rows:
        values = np.array(table, dtype=float)
        return Rows(values[:, :-1], values[:, -1])

    if data == "optdigits":
        return numbers(read("optdigits/optdigits.tra", 1)), numbers(read("optdigits/optdigits.tes", 1))
    if data == "abalone":
        table = read("abalone/abalone.csv")
        return split(numbers([[str(int(row[0] == sex)) for sex in "FIM"] + row[1:] for row in table]))
    return split(numbers(read(f"wine-quality/winequality-{data.split()[-1]}.csv")))


def score(job: Job, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Accuracy in percent, or the root mean squared error."""
    if job.classifies:
        return 100 * float((predicted == truth).mean())
    return float(np.sqrt(((predicted - truth) ** 2).mean()))


def truth_and_predictions(
    mlp: program.Mlp, job: "Job", folder: pathlib.Path, train: pathlib.Path, test: pathlib.Path, target: str, seed: int
) -> tuple[list[str], list[str]]:
    """Of the rows in the folder `test`, as text, once `mlp` has learned those in `train`."""
    return mlp.train(
        folder,
        train,
        test=test,
        target=target,
        task=job.task,
        dense_hidden=",".join(map(str, job.hidden)),
        activation=job.activation,
        optimizer=job.optimizer,
        learning_rate=job.learning_rate,
        batch_size=job.batch_size,
        epochs=job.epochs,
        drop_rate=0,
        seed=seed,
        num_threads=NUM_THREADS,
    ).predictions()


def ours(mlp: program.Mlp, job: Job, train: Rows, test: Rows, seed: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for channel, rows in (("train", train), ("test", test)):
            (folder / channel).mkdir()
            header = ",".join([*(f"x{column}" for column in range(rows.x.shape[1])), "y"])
            table = np.column_stack([rows.x, rows.y])
            lines = [",".join(map(repr, row)) for row in table.tolist()]
            (folder / channel / "rows.csv").write_text("\n".join([header, *lines]) + "\n")
        truth, predicted = truth_and_predictions(mlp, job, folder, folder / "train", folder / "test", "y", seed)
    truth, predicted = np.array(truth, dtype=float), np.array(predicted, dtype=float)
    np.testing.assert_array_equal(truth, test.y)
    return score(job, truth, predicted)


def scikit_learn_network(job: "Job", seed: int) -> MLPClassifier | MLPRegressor:
    kind = MLPClassifier if job.classifies else MLPRegressor
    return kind(
        hidden_layer_sizes=job.hidden,
        activation=job.activation,
        solver=job.optimizer,
        alpha=0,
        batch_size=job.batch_size,
        learning_rate_init=job.learning_rate,
        epsilon=EPSILON,
        shuffle=True,
        random_state=seed,
        # Together: all epochs are gone through, whatever the loss does.
        max_iter=job.epochs,
        tol=0,
        n_iter_no_change=job.epochs + 1,
    )


def scikit_learn(job: Job, train: Rows, test: Rows, seed: int) -> float | None:
    """None for what scikit-learn does not have."""
    if job.activation != "relu" or job.optimizer != "adam":
        return None
    network = scikit_learn_network(job, seed)
    model = make_pipeline(StandardScaler(), network)
    if not job.classifies:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train.x, train.y)
    return score(job, test.y, model.predict(test.x))


def with_keras(job: Job, train: Rows, test: Rows, seed: int) -> float:
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    scaler = StandardScaler().fit(train.x)
    if job.classifies:
        labels, y = np.unique(train.y, return_inverse=True)
        last = keras.layers.Dense(len(labels), activation="softmax")
    else:
        target_scaler = StandardScaler().fit(train.y[:, None])
        y = target_scaler.transform(train.y[:, None])
        last = keras.layers.Dense(1)
    model = keras.Sequential(
        [
            keras.layers.Input((train.x.shape[1],)),
            *(keras.layers.Dense(width, activation=job.activation) for width in job.hidden),
            last,
        ]
    )
    optimizer = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[job.optimizer]
    model.compile(
        optimizer=optimizer(job.learning_rate, epsilon=EPSILON),
        loss="sparse_categorical_crossentropy" if job.classifies else "mean_squared_error",
        # The same steps to the last bit, in a third of the time: Keras looks up from them once an epoch.
        steps_per_execution=math.ceil(len(train.y) / job.batch_size),
    )
    model.fit(scaler.transform(train.x), y, batch_size=job.batch_size, epochs=job.epochs, shuffle=True, verbose=0)
    predicted = keras.ops.convert_to_numpy(model(scaler.transform(test.x), training=False))
    if job.classifies:
        return score(job, test.y, labels[predicted.argmax(axis=1)])
    return score(job, test.y, target_scaler.inverse_transform(predicted)[:, 0])


def mean_and_error(scores: np.ndarray) -> tuple[float, float]:
    return float(scores.mean()), float(np.sqrt(scores.var(ddof=1) / len(scores)))


def lead(job: Job, a: np.ndarray, b: np.ndarray) -> float:
    """How much better the scores `a` are than `b`, in standard errors of the difference of their means."""
    difference = float(a.mean() - b.mean()) * (1 if job.classifies else -1)
    error = float(np.hypot(mean_and_error(a)[1], mean_and_error(b)[1]))
    return difference / error if difference else 0.0


@dataclasses.dataclass
class Comparison:
    job: Job
    train_rows: int
    test_rows: int
    ours: np.ndarray  # scores, one per seed; so are the others
    scikit_learn: np.ndarray | None
    keras: np.ndarray

    def leads(self) -> dict[str, float]:
        peers = {"scikit-learn": self.scikit_learn, "Keras": self.keras}
        return {name: lead(self.job, self.ours, scores) for name, scores in peers.items() if scores is not None}

    def missed(self) -> list[str]:
        """A sentence for each bar that is missed."""
        sentences = [
            f"{self.job.title}: mlp is worse than {name} by {-value:.1f} standard errors."
            for name, value in self.leads().items()
            if not value >= -STANDARD_ERRORS
        ]
        if self.job.rmse_below is not None and not self.ours.mean() < self.job.rmse_below:
            sentences.append(f"{self.job.title}: the rmse of mlp is not below {self.job.rmse_below}.")
        return sentences


def compare(mlp: program.Mlp, job: Job, folder: pathlib.Path, seeds: int, progress=lambda text: None) -> Comparison:
    train, test = load(job.data, folder)
    programs = {
        "mlp": lambda seed: ours(mlp, job, train, test, seed),
        "scikit-learn": lambda seed: scikit_learn(job, train, test, seed),
        "Keras": lambda seed: with_keras(job, train, test, seed),
    }
    scores = {}
    for name, run in programs.items():
        start = time.perf_counter()
        values = [run(seed) for seed in range(seeds)]
        scores[name] = None if None in values else np.array(values)
        if scores[name] is not None:
            mean, error = mean_and_error(scores[name])
            seconds = (time.perf_counter() - start) / seeds
            progress(f"{job.title}: {name} {mean:.4f}, standard error {error:.4f}, {seconds:.1f} s a run")
    result = Comparison(job, len(train.y), len(test.y), *scores.values())
    progress("".join(f"  {value:+.1f} standard errors over {name}" for name, value in result.leads().items()))
    return result


def cell(job: Job, scores: np.ndarray | None) -> str:
    """Mean ± standard error, with as many digits as tell programs apart."""
    if scores is None:
        return "-"
    mean, error = mean_and_error(scores)
    digits = 2 if job.classifies else 1 if error > 1 else 4
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def table(comparisons: list[Comparison]) -> str:
    lines = [
        "| data | rows: training, test | activation, optimizer, epochs | score | mlp | scikit-learn | Keras "
        "| over scikit-learn | over Keras |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for c in comparisons:
        leads = c.leads()
        cells = [
            c.job.data,
            f"{c.train_rows}, {c.test_rows}",
            f"{c.job.activation}, {c.job.optimizer}, {c.job.epochs}",
            "accuracy, %" if c.job.classifies else "rmse",
            *(cell(c.job, scores) for scores in (c.ours, c.scikit_learn, c.keras)),
            *(f"{leads[name]:+.1f}" if name in leads else "-" for name in ("scikit-learn", "Keras")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cpu_model() -> str:
    done = subprocess.run(["lscpu"], stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    names = [line.split(":", 1)[1].strip() for line in done.stdout.splitlines() if line.startswith("Model name")]
    return names[0] if names else "CPU without a name"


def only(values) -> str:
    """The one value that all jobs have; what the page says of all must be true of each."""
    (value,) = set(values)
    return str(value)


# A section that another script writes stands before this heading.
SETTINGS = "## Settings\n"


def with_section(text: str, section: str) -> str:
    """The page with a section of its own, in the place of one with the same heading, else before the settings."""
    heading = section.split("\n", 1)[0] + "\n"
    before, rest = text.split(SETTINGS)
    return before.split(heading)[0] + section + "\n" + SETTINGS + rest


def page(comparisons: list[Comparison], seeds: int, version: str) -> str:
    jobs = [c.job for c in comparisons]
    missed = [sentence for c in comparisons for sentence in c.missed()]
    verdict = "".join(f"\n- {sentence}" for sentence in missed) if missed else " all are met."
    hidden = only("-".join(map(str, job.hidden)) for job in jobs)
    batch_size = only(job.batch_size for job in jobs)
    learning_rate = only(job.learning_rate for job in jobs)
    return f"""# Quality

What `mlp` learns of tables, beside scikit-learn's `MLPClassifier` and `MLPRegressor` and beside Keras, with the same
settings and on the same rows. `make quality` trains them all and writes this page.

{table(comparisons)}

Scores are means over {seeds} seeds, ± their standard error. The last two columns tell how much better `mlp` is, in standard
errors of the difference; below zero it is worse. The bars: no less than -{STANDARD_ERRORS} anywhere, and with gelu and adamw an rmse below
2.2. Of this run:{verdict}

Programs that are equally good fall below -{STANDARD_ERRORS} by chance, about once in thirty comparisons: so a miss asks for more seeds
first. A seed decides the start weights and the order of the rows, nothing else.

## Settings

- Hidden layers {hidden}; batches of {batch_size} rows, the last of an epoch smaller; learning rate {learning_rate}; epsilon {EPSILON:g}, and what
  else an optimizer has at the defaults that `mlp` shares with Keras (adamw: weight decay 0.004). No dropout, no penalty,
  no early stopping, no validation rows: each goes through all epochs, and its last weights are judged.
- The numbers of epochs are round ones, near the best of scikit-learn on rows kept from the training rows.
- Features have mean 0 and variance 1 over the training rows, and so has the target of a regression while it is learned.
- optdigits comes with its test rows. Of the others, {TEST_SHARE:.0%} of the rows are drawn once, by NumPy's `default_rng({SPLIT_SEED})`, for
  testing. Abalone's sex is three columns of 0 and 1, made by the script. The wines' quality is learned both as a number
  and as a class.
- `mlp` runs as a process on CSV files with `num_threads` {NUM_THREADS}, and its score is computed from `prediction.csv`.
- Not the same: scikit-learn starts its biases at random, computes in float64, and halves the squared error.

The script is [test/oracle/quality.py](../test/oracle/quality.py). The data is public: optdigits, abalone and wine quality
of the UCI Machine Learning Repository, expected in `../shared/data` or the folder that the environment variable `MLP_DATA`
names.

Measured on: {cpu_model()}; {version}; scikit-learn {sklearn.__version__}; Keras {keras.__version__} with TensorFlow
{tensorflow.__version__}; NumPy {np.__version__}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default="", help="compare only jobs whose title has this text in it")
    parser.add_argument("--write", type=pathlib.Path, help="the page to write; without it, the table is printed")
    parser.add_argument("--data", type=pathlib.Path, default=data_dir())
    parser.add_argument("--program", type=pathlib.Path, default=program.default_path())
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("a standard error needs at least two seeds")
    for path in (options.data / "optdigits", options.program):
        if not path.exists():
            parser.error(f"there is no {path}")

    mlp = program.Mlp(options.program)
    start = time.perf_counter()
    comparisons = [
        compare(mlp, job, options.data, options.seeds, progress=lambda text: print(text, flush=True))
        for job in JOBS
        if options.only in job.title
    ]
    print(f"{time.perf_counter() - start:.0f} s\n\n{table(comparisons)}\n")
    if options.write:
        options.write.write_text(page(comparisons, options.seeds, mlp.run("--version").stdout.strip()))
    missed = [sentence for c in comparisons for sentence in c.missed()]
    print("\n".join(missed) if missed else "All bars are met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
