"""Real tables train from their raw files, and their columns are encoded as scikit-learn encodes them."""

import csv
import io
import math

import keras
import numpy as np
import pandas
import pytest

import quality
import tables

# Ours are float32, and lie within a few units of each other.
ENCODED = {"rtol": 1e-6, "atol": 1e-6}
# Of probabilities; of a regression, in parts of its largest value, as one near zero is a small rest of large terms.
PREDICTED = {"rtol": 1e-5, "atol": 1e-6}


def source_path(source: tables.Source):
    path = quality.data_dir() / source.file
    if not path.is_file():
        pytest.skip(f"{source.name} is not in {quality.data_dir()}.")
    return path


class Case:
    """A table, trained for one epoch on its raw file with nothing but the target given."""

    def __init__(self, mlp, source: tables.Source, folder, **flags):
        self.mlp = mlp
        self.source = source
        self.path = source_path(source)
        self.folder = folder
        self.trained = mlp.train(folder, self.path, target=source.target, epochs=1, num_threads=2, **flags)
        self.frame = tables.read(source, self.path)

    def run(self, path, *flags) -> str:
        arguments = ["--model_dir", self.trained.model_dir, "--input", path, *flags]
        with_target = len(path.read_text().splitlines()[0].split(",")) == self.frame.shape[1]
        if not self.source.named and with_target:
            arguments += ["--label_size", "1"]
        return self.mlp.run("predict", *arguments).stdout

    def encoded(self, path) -> tuple[list[str], np.ndarray]:
        text = self.run(path, "--encoded")
        names = next(csv.reader(io.StringIO(text)))
        return names, pandas.read_csv(io.StringIO(text), header=0).to_numpy(dtype=float)

    def unseen(self):
        """Rows that were not trained on: a file of their own, or made-up ones where there is none."""
        if self.source.test_file:
            return quality.data_dir() / self.source.test_file
        path = self.folder / "unseen.csv"
        if not path.exists():
            random = np.random.default_rng(1)
            frame = self.frame.sample(500, random_state=1).drop(columns=self.source.target)
            for i, name in enumerate(frame):
                if pandas.api.types.is_numeric_dtype(frame[name]):
                    frame[name] = frame[name].astype(float) + random.normal(size=len(frame))
                    gappy = self.frame[name].isna().any()
                else:
                    gappy = True
                    frame.iloc[i::7, i] = "never seen"
                if gappy:
                    frame.iloc[i + 1 :: 5, i] = None
            frame.to_csv(path, index=False)
        return path


@pytest.fixture(scope="module")
def cases(mlp, tmp_path_factory):
    made = {}

    def case(source: tables.Source, scaling: str = "") -> Case:
        key = source.name, scaling
        if key not in made:
            flags = {"scaling": scaling} if scaling else {}
            made[key] = Case(mlp, source, tmp_path_factory.mktemp(source.name), **flags)
        return made[key]

    return case


each_source = pytest.mark.parametrize("source", tables.SOURCES, ids=lambda source: source.name)


def read_unseen(case: Case, path) -> pandas.DataFrame:
    source = case.source
    return tables.read(source, path) if source.test_file else pandas.read_csv(path, float_precision="round_trip")


@pytest.mark.parametrize("scaling", ["", "robust", "quantile"])
@each_source
def test_the_encoded_matrix_is_that_of_scikit_learn(cases, source, scaling):
    case = cases(source, scaling)
    names, ours = case.encoded(case.path)
    features = tables.features(source, case.frame)
    embedded = [name for name in features if name in names and not pandas.api.types.is_numeric_dtype(features[name])]
    assert embedded == (["Ticket"] if source is tables.TITANIC else [])
    encoding = tables.Encoding(features, scaling or "standard", embedded)
    assert sorted(names) == sorted(encoding.names())
    order = [encoding.names().index(name) for name in names]
    np.testing.assert_allclose(ours, encoding.encode(features)[:, order], **ENCODED)

    path = case.unseen()
    unseen = tables.features(source, read_unseen(case, path))
    np.testing.assert_allclose(case.encoded(path)[1], encoding.encode(unseen[list(features)])[:, order], **ENCODED)


@each_source
def test_keras_predicts_the_same_from_the_encoded_matrix(cases, source):
    case = cases(source)
    model = keras.models.load_model(case.trained.model)
    for path in (case.path, case.unseen()):
        _, encoded = case.encoded(path)
        rows = pandas.read_csv(io.StringIO(case.run(path)))
        values = rows.drop(columns="label", errors="ignore").to_numpy(dtype=float)
        expected = model.predict(encoded.astype(np.float32), verbose=0, batch_size=4096)
        unit = 1 if source.task == "classification" else np.abs(expected).max()
        np.testing.assert_allclose(values / unit, expected / unit, **PREDICTED)


@each_source
def test_json_records_give_the_predictions_of_the_rows(cases, source, tmp_path):
    case = cases(source)
    path = case.unseen()
    frame = tables.features(source, read_unseen(case, path)).head(200)
    lines = tmp_path / "rows.csv"
    frame.to_csv(lines, index=False, header=source.named)
    records = tmp_path / "rows.json"
    frame.to_json(records, orient="records" if source.named else "values", double_precision=15)
    if not source.named:
        pytest.skip("Rows without names are no records.")
    assert case.run(records) == case.run(lines)


def circle(values, period) -> tuple[np.ndarray, np.ndarray]:
    angle = 2 * math.pi * np.asarray(values, dtype=float) / period
    return np.sin(angle), np.cos(angle)


def test_dates_booleans_ids_and_constants_of_a_made_table(mlp, tmp_path):
    random = np.random.default_rng(3)
    rows = 400
    moments = pandas.Timestamp("2019-01-01") + pandas.to_timedelta(random.integers(0, 5 * 365 * 24, rows), unit="h")
    gap = random.random(rows) < 0.1
    frame = pandas.DataFrame(
        {
            "when": moments.strftime("%Y-%m-%dT%H:%M:%S"),
            "day": np.where(gap, "", moments.strftime("%d.%m.%Y")),
            "open": random.choice(["yes", "no"], rows),
            "flag": np.where(gap, "NA", random.choice(["True", "False"], rows, p=[0.7, 0.3])),
            "grade": random.integers(1, 4, rows),
            "code": [f"id{i}" for i in range(rows)],
            "same": "always",
            "y": random.normal(size=rows),
        }
    )
    train = tmp_path / "train.csv"
    frame.to_csv(train, index=False)
    trained = mlp.train(tmp_path / "job", train, target="y", epochs=1, column_types="grade=category")
    text = mlp.run("predict", "--model_dir", trained.model_dir, "--input", train, "--encoded").stdout
    names, *lines = csv.reader(io.StringIO(text))
    ours = dict(zip(names, np.array(lines, dtype=float).T, strict=True))

    expected = {}
    for name in ("when", "day"):
        missing = gap if name == "day" else np.zeros(rows, dtype=bool)
        year = pandas.Series(moments.year).where(~missing)
        year = year.fillna(year.median())
        expected[f"{name}=year"] = (year - year.mean()) / year.std(ddof=0)
        parts = [("month", moments.month - 1, 12), ("day", moments.day - 1, 31), ("weekday", moments.weekday, 7)]
        parts += [("hour", moments.hour, 24)] * (name == "when")
        for part, values, period in parts:
            for kind, of_angle in zip(("sin", "cos"), circle(values, period), strict=True):
                expected[f"{name}={part}_{kind}"] = np.where(missing, 0, of_angle)
    expected["day=missing"] = expected["flag=missing"] = gap
    expected["open=yes"] = frame["open"] == "yes"
    expected["flag=True"] = (frame["flag"] == "True") | gap
    for grade in (1, 2, 3):
        expected[f"grade={grade}"] = frame["grade"] == grade
    assert sorted(ours) == sorted(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(ours[name], np.asarray(values, dtype=float), **ENCODED, err_msg=name)
