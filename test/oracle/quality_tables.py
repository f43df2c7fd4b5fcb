"""Does mlp learn raw tables, with text and gaps, as well as scikit-learn does behind its ColumnTransformer?

The other half of quality.py: the same arithmetic and settings, but mlp gets the columns as the file has them, and
scikit-learn SimpleImputer(strategy="median", add_indicator=True) and StandardScaler for numbers, OneHotEncoder for text.
The bars: no mean score of ours is worse by more than two standard errors of the difference, and adult's own test rows
are told with an accuracy of at least 85.2 %. Exits 1 if one of them is missed.
"""

import argparse
import dataclasses
import pathlib
import sys
import tempfile
import time
import warnings

import numpy as np
import pandas
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import program
import quality
import tables

BATCH_SIZE = 256


@dataclasses.dataclass(frozen=True)
class TableJob:
    source: tables.Source
    job: quality.Job
    accuracy_from: float | None = None


def table_job(source: tables.Source, epochs: int, **bars) -> TableJob:
    return TableJob(source, quality.Job(source.name, source.task, epochs, batch_size=BATCH_SIZE), **bars)


JOBS = [
    table_job(tables.ADULT, 10, accuracy_from=85.2),
    table_job(tables.TITANIC, 20),
    table_job(tables.BANK, 5),
    table_job(tables.DIAMONDS, 20),
    table_job(tables.HOUSING, 30),
]


def write_rows(source: tables.Source, data: pathlib.Path, folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Training and test rows, each a file with the lines as they stand. Adult's test labels end with a dot, which its
    training labels don't: they lose it."""

    def lines_of(file: str) -> list[str]:
        return [line for line in (data / file).read_text().splitlines() if line.strip()]

    lines = lines_of(source.file)
    header = [lines.pop(0)] if source.named else []
    if source is tables.ADULT:
        train, test = lines, [line.removesuffix(".") for line in lines_of(source.test_file)]
    else:
        rows, tests = quality.split(quality.Rows(np.arange(len(lines)), np.arange(len(lines))))
        train, test = [lines[i] for i in rows.y], [lines[i] for i in tests.y]
    paths = folder / "train" / "rows.csv", folder / "test" / "rows.csv"
    for path, rows in zip(paths, (train, test), strict=True):
        path.parent.mkdir()
        path.write_text("\n".join(header + rows) + "\n")
    return paths


def ours(mlp: program.Mlp, job: quality.Job, source: tables.Source, train, test, seed: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        trained = mlp.train(
            pathlib.Path(name),
            train.parent,
            test=test.parent,
            target=source.target,
            task=job.task,
            dense_hidden=",".join(map(str, job.hidden)),
            activation=job.activation,
            optimizer=job.optimizer,
            learning_rate=job.learning_rate,
            batch_size=job.batch_size,
            epochs=job.epochs,
            drop_rate=0,
            seed=seed,
            num_threads=quality.NUM_THREADS,
        )
        truth, predicted = trained.predictions()
    frame = tables.read(source, test)[source.target]
    kind = float if pandas.api.types.is_numeric_dtype(frame) else str
    truth, predicted = np.array(truth, dtype=kind), np.array(predicted, dtype=kind)
    np.testing.assert_array_equal(truth, frame.to_numpy(dtype=truth.dtype))
    return quality.score(job, truth, predicted)


def scikit_learn(job: quality.Job, source: tables.Source, train, test, seed: int) -> float:
    train, test = tables.read(source, train), tables.read(source, test)
    x = tables.features(source, train)
    numbers = [name for name in x if pandas.api.types.is_numeric_dtype(x[name])]
    texts = [name for name in x if name not in numbers]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        ]
    )
    network = (MLPClassifier if job.classifies else MLPRegressor)(
        hidden_layer_sizes=job.hidden,
        activation=job.activation,
        solver=job.optimizer,
        alpha=0,
        batch_size=job.batch_size,
        learning_rate_init=job.learning_rate,
        epsilon=quality.EPSILON,
        shuffle=True,
        random_state=seed,
        max_iter=job.epochs,
        tol=0,
        n_iter_no_change=job.epochs + 1,
    )
    model = make_pipeline(columns, network)
    if not job.classifies:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, train[source.target])
    return quality.score(job, test[source.target].to_numpy(), np.asarray(model.predict(tables.features(source, test))))


@dataclasses.dataclass
class Comparison:
    table_job: TableJob
    train_rows: int
    test_rows: int
    ours: np.ndarray  # scores, one per seed; so are the others
    scikit_learn: np.ndarray

    def lead(self) -> float:
        return quality.lead(self.table_job.job, self.ours, self.scikit_learn)

    def missed(self) -> list[str]:
        """A sentence for each bar that is missed."""
        job, bar = self.table_job.job, self.table_job.accuracy_from
        sentences = []
        if not self.lead() >= -quality.STANDARD_ERRORS:
            sentences.append(f"{job.title}: mlp is worse than scikit-learn by {-self.lead():.1f} standard errors.")
        if bar is not None and not self.ours.mean() >= bar:
            sentences.append(f"{job.title}: an accuracy of {self.ours.mean():.2f} %, not {bar} %.")
        return sentences


def compare(mlp: program.Mlp, table_job: TableJob, data: pathlib.Path, seeds: int, progress=lambda text: None) -> Comparison:
    job, source = table_job.job, table_job.source
    with tempfile.TemporaryDirectory() as name:
        train, test = write_rows(source, data, pathlib.Path(name))
        scores = []
        for title, run in (("mlp", lambda seed: ours(mlp, job, source, train, test, seed)),
                           ("scikit-learn", lambda seed: scikit_learn(job, source, train, test, seed))):  # fmt: skip
            start = time.perf_counter()
            scores.append(np.array([run(seed) for seed in range(seeds)]))
            mean, error = quality.mean_and_error(scores[-1])
            seconds = (time.perf_counter() - start) / seeds
            progress(f"{job.title}: {title} {mean:.4f}, standard error {error:.4f}, {seconds:.1f} s a run")
        rows = [len(path.read_text().splitlines()) - source.named for path in (train, test)]
    result = Comparison(table_job, *rows, *scores)
    progress(f"  {result.lead():+.1f} standard errors over scikit-learn")
    return result


def table(comparisons: list[Comparison]) -> str:
    lines = ["| data | rows: training, test | epochs | score | mlp | scikit-learn | over scikit-learn |", "|---|---|---|---|---|---|---|"]
    for c in comparisons:
        job = c.table_job.job
        cells = [
            job.data,
            f"{c.train_rows}, {c.test_rows}",
            str(job.epochs),
            "accuracy, %" if job.classifies else "rmse",
            *(quality.cell(job, scores) for scores in (c.ours, c.scikit_learn)),
            f"{c.lead():+.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def section(comparisons: list[Comparison], seeds: int) -> str:
    """The part of docs/quality.md that tells of raw tables."""
    missed = [sentence for c in comparisons for sentence in c.missed()]
    verdict = "".join(f"\n- {sentence}" for sentence in missed) if missed else " all are met."
    hidden = quality.only("-".join(map(str, c.table_job.job.hidden)) for c in comparisons)
    learning_rate = quality.only(c.table_job.job.learning_rate for c in comparisons)
    return f"""## Raw tables

Files with text and gaps, as they are, beside scikit-learn's networks behind its `ColumnTransformer`, with the same settings.

{table(comparisons)}

Means over {seeds} seeds. The bars: no less than -{quality.STANDARD_ERRORS}, and for adult an accuracy of at least 85.2 %. Of this run:{verdict}

- Hidden layers {hidden}, relu, adam, batches of {BATCH_SIZE} rows, learning rate {learning_rate}, no dropout; all else as below.
- `mlp` is given the lines of the file and the target, nothing else about its columns. scikit-learn has
  `SimpleImputer(strategy="median", add_indicator=True)` and `StandardScaler` for numbers, and
  `OneHotEncoder(handle_unknown="ignore")` for text; titanic's names, which `mlp` leaves out by itself, are left out for it.
- adult comes with its test rows, whose labels lose the dot at their end. Of the others, {quality.TEST_SHARE:.0%} of the rows are drawn for
  testing.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="compare only tables whose title has this text in it")
    parser.add_argument("--write", type=pathlib.Path, help="the page whose section on raw tables to write anew")
    parser.add_argument("--data", type=pathlib.Path, default=quality.data_dir())
    parser.add_argument("--program", type=pathlib.Path, default=program.default_path())
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("a standard error needs at least two seeds")
    for path in (options.data / "adult", options.program):
        if not path.exists():
            parser.error(f"there is no {path}")
    mlp = program.Mlp(options.program)
    comparisons = [
        compare(mlp, table_job, options.data, options.seeds, progress=lambda text: print(text, flush=True))
        for table_job in JOBS
        if options.only in table_job.job.title
    ]
    print(f"\n{table(comparisons)}\n")
    if options.write:
        options.write.write_text(quality.with_section(options.write.read_text(), section(comparisons, options.seeds)))
    missed = [sentence for c in comparisons for sentence in c.missed()]
    print("\n".join(missed) if missed else "All bars are met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
