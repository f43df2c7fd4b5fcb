"""Tables as people have them: where they are, how pandas reads them, and what scikit-learn makes of their columns."""

import dataclasses
import pathlib

import numpy as np
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, QuantileTransformer, RobustScaler, StandardScaler


@dataclasses.dataclass(frozen=True)
class Source:
    """A table of ../shared/data. Where its file has no header, the target is a number from 1."""

    name: str
    file: str
    target: str
    task: str
    test_file: str | None = None  # more rows, perhaps without target
    named: bool = True
    separator: str = ","
    ignored: tuple[str, ...] = ()  # what is left out: an id, or the same in all rows


ADULT = Source("adult", "adult/adult-train.csv", "15", "classification", "adult/adult-test.csv", named=False)
TITANIC = Source("titanic", "titanic/train.csv", "Survived", "classification", "titanic/test.csv", ignored=("Name",))
BANK = Source("bank-marketing", "bank-marketing/bank-additional-full.csv", "y", "classification", separator=";")
DIAMONDS = Source("diamonds", "diamonds/diamonds.csv", "price", "regression")
HOUSING = Source("housing", "california-housing/housing.csv", "median_house_value", "regression")
SOURCES = [ADULT, TITANIC, BANK, DIAMONDS, HOUSING]


def read(source: Source, path: pathlib.Path) -> pandas.DataFrame:
    """By pandas: text where a column is not numbers, NaN where a value is missing."""
    frame = pandas.read_csv(
        path,
        sep=source.separator,
        header=0 if source.named else None,
        skipinitialspace=True,
        na_values=["?"],
        float_precision="round_trip",
    )
    if not source.named:
        frame.columns = [str(i + 1) for i in range(frame.shape[1])]
    return frame


def features(source: Source, frame: pandas.DataFrame) -> pandas.DataFrame:
    return frame.drop(columns=[source.target, *source.ignored], errors="ignore")


SCALERS = {
    "standard": StandardScaler,
    "robust": RobustScaler,
    "quantile": lambda: QuantileTransformer(output_distribution="normal", n_quantiles=1000, subsample=None),
}


class Encoding:
    """What scikit-learn makes of a table, by names of columns as `mlp predict --encoded` has them."""

    def __init__(self, train: pandas.DataFrame, scaling: str, embedded: list[str]):
        self.numbers = [name for name in train if pandas.api.types.is_numeric_dtype(train[name])]
        texts = [name for name in train if name not in self.numbers]
        self.one_hot = [name for name in texts if name not in embedded]
        self.embedded = embedded
        self.gaps = [name for name in self.numbers if train[name].isna().any()]
        scaler = SCALERS[scaling]()
        if scaling == "quantile":
            scaler.set_params(n_quantiles=min(1000, len(train)))
        encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2, sparse_output=False)
        self.transformer = ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), scaler), self.numbers),
                ("gaps", MissingIndicator(features="all"), self.gaps),
                ("classes", encoder, self.one_hot),
            ]
        ).fit(self._filled(train))
        self.ordinal = OrdinalEncoder(
            min_frequency=2, handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        )
        self.missing = {name: train[name].isna().any() for name in embedded}
        if embedded:
            self.ordinal.fit(self._objects(train))

    # A class of its own for what is missing; no table has this text.
    MISSING = "\x01missing"

    def _filled(self, frame: pandas.DataFrame) -> pandas.DataFrame:
        frame = frame.copy()
        for name in self.one_hot:
            frame[name] = frame[name].astype(object).where(frame[name].notna(), self.MISSING)
        return frame

    def _objects(self, frame: pandas.DataFrame) -> np.ndarray:
        frame = frame[self.embedded].astype(object)
        return frame.where(frame.notna(), np.nan).to_numpy(dtype=object)

    def names(self) -> list[str]:
        names = self.numbers + [f"{name}=missing" for name in self.gaps]
        if self.one_hot:
            encoder = self.transformer.named_transformers_["classes"]
            for name, categories, rare in zip(
                self.one_hot, encoder.categories_, encoder.infrequent_categories_, strict=True
            ):
                rare = set() if rare is None else set(rare)
                kept = [category for category in categories if category not in rare]
                names += [f"{name}={'missing' if c == self.MISSING else c}" for c in kept]
                names += [f"{name}=other"] * bool(rare)
        return names + self.embedded

    def encode(self, frame: pandas.DataFrame) -> np.ndarray:
        encoded = self.transformer.transform(self._filled(frame)).astype(float)
        if not self.embedded:
            return encoded
        indices = self.ordinal.transform(self._objects(frame))
        for i, name in enumerate(self.embedded):
            rare = set(self.ordinal.infrequent_categories_[i])
            kept = sum(1 for c in self.ordinal.categories_[i] if isinstance(c, str) and c not in rare)
            # Behind the categories come missing, where it is a class, and other.
            column = indices[:, i].copy()
            other = kept + int(self.missing[name])
            indices[:, i] = np.where(column == -2, kept, np.where((column == -1) | (column >= kept), other, column))
        return np.column_stack([encoded, indices])
