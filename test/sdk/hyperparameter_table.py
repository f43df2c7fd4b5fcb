"""One value of each Python type as a hyperparameter: the text that each client makes of it, and what the image
understands. The tests of both SDKs go through it."""

import ast
import dataclasses
import io
import json
import os
import pathlib
import subprocess
import tarfile

import h5py
import numpy as np


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    value: object
    estimator: str  # SDK 2's Estimator: Python's str
    framework: str  # SDK 2's framework classes: JSON, around texts as well
    trainer: str  # SDK 3's ModelTrainer: JSON, but texts as they are
    recorded: object = None  # in the model file, as used; None: `value`


# In the model file, of a value that is not given and has no default.
ABSENT = "absent"

# No value is its hyperparameter's default, but for None, so that one that got lost shows.
CASES = [
    Case("epochs", 2, "2", "2", "2"),
    Case("seed", 9007199254740991, "9007199254740991", "9007199254740991", "9007199254740991"),
    Case("batch_size", 32.0, "32.0", "32.0", "32.0", 32),
    Case("learning_rate", 1e-05, "1e-05", "1e-05", "1e-05"),
    Case("decay_epochs", 3, "3", "3", "3", 3.0),
    Case("drop_rate", 0, "0", "0", "0", 0.0),
    Case("optimizer", "adamw", "adamw", '"adamw"', "adamw"),
    Case("weight_column", 'Größe "w"', 'Größe "w"', '"Gr\\u00f6\\u00dfe \\"w\\""', 'Größe "w"'),
    Case("nesterov", True, "True", "true", "true"),
    Case("scale_target", False, "False", "false", "false"),
    Case("early_stopping_metric", None, "None", "null", "null", "val_loss"),
    Case("weight_decay", None, "None", "null", "null", ABSENT),
    Case("dense_hidden", [64, 32], "[64, 32]", "[64, 32]", "[64, 32]"),
    Case("eval_metrics", ["log_loss"], "['log_loss']", '["log_loss"]', '["log_loss"]'),
    Case("ignore", ["price, net", "cat's"], """['price, net', "cat's"]""", '["price, net", "cat\'s"]',
         '["price, net", "cat\'s"]'),
    Case("class_weight", {"cat": 2, "dog": 0.5}, "{'cat': 2, 'dog': 0.5}", '{"cat": 2, "dog": 0.5}',
         '{"cat": 2, "dog": 0.5}'),
    Case("column_types", {"zip": "category"}, "{'zip': 'category'}", '{"zip": "category"}', '{"zip": "category"}'),
    Case("target", "animal", "animal", '"animal"', "animal", ["animal"]),
]

NOT_A_NUMBER = Case("learning_rate", float("nan"), "nan", "NaN", "NaN")

VALUES = {case.name: case.value for case in CASES}

# Recorded as the text of a map that the client wrote.
MAPS = ("class_weight", "column_types")


def texts(client: str) -> dict[str, str]:
    """hyperparameters.json, where `client` (estimator, framework, trainer) writes VALUES."""
    return {case.name: getattr(case, client) for case in CASES}


def write_table(folder: pathlib.Path) -> pathlib.Path:
    """A folder with a training table that has the columns of CASES."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    lines = ['animal,"Größe ""w""",zip,"price, net",cat\'s,weight']
    for row in range(60):
        animal = ("cat", "dog")[row % 2]
        numbers = random.normal(row % 2, 1, size=3).round(3).tolist()
        lines.append(",".join(map(str, [animal, 1 + row % 3, 100 + row % 4, *numbers])))
    (folder / "animals.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@dataclasses.dataclass
class Understood:
    hyperparameters: dict
    weights: list[np.ndarray]


def read_model(content: bytes) -> Understood:
    """The hyperparameters of a model.h5 as the image used them, and the weights that came of them."""
    with h5py.File(io.BytesIO(content)) as file:
        used = json.loads(file["mlp/metadata"][()])["hyperparameters"]
        weights = []
        file["model_weights"].visititems(
            lambda _, item: weights.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
    return Understood(used, weights)


def understood(model_archive: pathlib.Path) -> Understood:
    with tarfile.open(model_archive) as archive:
        return read_model(archive.extractfile("model.h5").read())


def check_understood(model_archive: pathlib.Path, **drawn) -> None:
    """Asserts that VALUES, or what a tuner drew in their place, arrived as what they are in Python."""
    recorded = understood(model_archive).hyperparameters
    recorded |= {name: ast.literal_eval(recorded[name]) for name in MAPS}
    expected = {case.name: case.value if case.recorded is None else case.recorded for case in CASES} | drawn
    used = {name: recorded.get(name, ABSENT) for name in expected}
    assert used == expected
    assert {name: type(value) for name, value in used.items()} == {
        name: type(value) for name, value in expected.items()
    }


def trained_from_flags(image: str, table: pathlib.Path, folder: pathlib.Path) -> Understood:
    """What comes of VALUES on the command line, where no client writes them."""
    flags = {case.name: case.trainer for case in CASES if case.value is not None}
    flags |= {"class_weight": "cat=2,dog=0.5", "column_types": "zip=category"}
    folder.mkdir()
    subprocess.run(
        ["docker", "run", "--rm", "--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{table}:/table:ro",
         "--volume", f"{folder}:/model", image, "train", "--train", "/table", "--model_dir", "/model",
         "--output_dir", "/tmp", *[word for name, text in flags.items() for word in (f"--{name}", text)]],
        check=True,
    )
    return read_model((folder / "model.h5").read_bytes())
