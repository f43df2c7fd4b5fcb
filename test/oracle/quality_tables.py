"""Does mlp learn raw tables, with text and gaps, as well as scikit-learn does behind its ColumnTransformer?

The other half of quality.py: the same arithmetic and settings, but mlp gets the columns as the file has them, and
scikit-learn SimpleImputer(strategy="median", add_indicator=True) and StandardScaler for numbers, OneHotEncoder for text.
The bars: no mean score of ours is worse by more than two standard errors of the difference, and adult's own test rows
are told with an accuracy of at least 85.2 %. Exits 1 if one of them is missed.

A run of each program has the same training and test rows, so differences are taken run by run. Where test rows are
drawn, each seed draws its own: of one small draw, two programs that are equally good can differ by more than seeds tell.
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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import program
import quality
import tables


@dataclasses.dataclass(frozen=True)
class TableJob:
    source: tables.Source
    job: quality.Job
    accuracy_from: float | None = None
    seeds: int = 1  # at least


def table_job(source: tables.Source, epochs: int, batch_size: int = 256, **others) -> TableJob:
    return TableJob(source, quality.Job(source.name, source.task, epochs, batch_size=batch_size), **others)


JOBS = [
    table_job(tables.ADULT, 10, accuracy_from=85.2),
    table_job(tables.TITANIC, 20, batch_size=64, seeds=20),  # 178 test rows
    table_job(tables.BANK, 5),
    table_job(tables.DIAMONDS, 20),
    table_job(tables.HOUSING, 30),
]


def write_rows(
    source: tables.Source, data: pathlib.Path, folder: pathlib.Path, seed: int
) -> tuple[pathlib.Path, pathlib.Path]:
    """Training and test rows, each a file with the lines as they stand. Adult's test labels end with a dot, which its
    training labels don't: they lose it."""

    def lines_of(file: str) -> list[str]:
        return [line for line in (data / file).read_text().splitlines() if line.strip()]

    lines = lines_of(source.file)
    header = [lines.pop(0)] if source.named else []
    if source is tables.ADULT:
        train, test = lines, [line.removesuffix(".") for line in lines_of(source.test_file)]
    else:
        order = np.random.default_rng(seed).permutation(len(lines))
        tests = round(quality.TEST_SHARE * len(lines))
        train, test = [lines[i] for i in order[tests:]], [lines[i] for i in order[:tests]]
    paths = folder / "train" / "rows.csv", folder / "test" / "rows.csv"
    for path, rows in zip(paths, (train, test), strict=True):
        path.parent.mkdir()
        path.write_text("\n".join(header + rows) + "\n")
    return paths


def ours(mlp: program.Mlp, job: quality.Job, source: tables.Source, train, test, seed: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        truth, predicted = quality.truth_and_predictions(
            mlp, job, pathlib.Path(name), train.parent, test.parent, source.target, seed
        )
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
    model = make_pipeline(columns, quality.scikit_learn_network(job, seed))
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

    def difference(self) -> tuple[float, float]:
        """Of the scores, with its standard error; above zero where ours are better."""
        return quality.mean_and_error((self.ours - self.scikit_learn) * (1 if self.table_job.job.classifies else -1))

    def lead(self) -> float:
        difference, error = self.difference()
        return difference / error if difference else 0.0

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
    scores: dict[str, list[float]] = {"mlp": [], "scikit-learn": []}
    start = time.perf_counter()
    for seed in range(max(seeds, table_job.seeds)):
        with tempfile.TemporaryDirectory() as name:
            train, test = write_rows(source, data, pathlib.Path(name), seed)
            scores["mlp"].append(ours(mlp, job, source, train, test, seed))
            scores["scikit-learn"].append(scikit_learn(job, source, train, test, seed))
            rows = [len(path.read_text().splitlines()) - source.named for path in (train, test)]
    result = Comparison(table_job, *rows, *map(np.array, scores.values()))
    seconds = time.perf_counter() - start
    progress(f"{job.title}: {result.lead():+.1f} standard errors over scikit-learn, {seconds:.0f} s")
    return result


def table(comparisons: list[Comparison]) -> str:
    lines = ["| data | rows: training, test | batch, epochs | score | mlp | scikit-learn | difference | over scikit-learn |"]
    lines.append("|---" * 8 + "|")
    for c in comparisons:
        job = c.table_job.job
        cells = [
            job.data,
            f"{c.train_rows}, {c.test_rows}",
            f"{job.batch_size}, {job.epochs}",
            "accuracy, %" if job.classifies else "rmse",
            *(quality.cell(job, scores) for scores in (c.ours, c.scikit_learn)),
            quality.cell(job, (c.ours - c.scikit_learn)),
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

Means over {seeds} seeds, ± their standard error, of the difference too, which is taken seed by seed; titanic, with its few
test rows, has {max(c.table_job.seeds for c in comparisons)} seeds. The bars: no less than -{quality.STANDARD_ERRORS}, and for adult an accuracy of at least 85.2 %. Of this run:{verdict}

- Hidden layers {hidden}, relu, adam, learning rate {learning_rate}, no dropout; all else as below.
- `mlp` is given the lines of the file and the target, nothing else about its columns. scikit-learn has
  `SimpleImputer(strategy="median", add_indicator=True)` and `StandardScaler` for numbers, and
  `OneHotEncoder(handle_unknown="ignore")` for text; titanic's names, which `mlp` leaves out by itself, are left out for it.
- adult comes with its test rows, whose labels lose the dot at their end. Of the others, each seed draws {quality.TEST_SHARE:.0%} of the
  rows for testing, the same for both: over one draw of titanic's 178, programs that are equally good on twenty of them can
  differ by a percent. A few diamonds are given sizes that no diamond has, such as 59 mm: where such a one is tested,
  it alone can double the rmse of either.
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
