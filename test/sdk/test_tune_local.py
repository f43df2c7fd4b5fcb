"""examples/tune_local.py with the real image: what it prints is what its trials left."""

import csv
import math
import pathlib
import re
import runpy
import shutil
import subprocess

import numpy as np
import optuna
import pytest

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/tune_local.py"
ROW = re.compile(
    r"^ *(?P<trial>\d+) +(?P<loss>[\d.]+) +(?P<epochs>\d+) +(?P<learning_rate>[\d.]+) +(?P<batch_size>\d+)"
    r" +(?P<drop_rate>[\d.]+)(  stopped after (?P<stopped>\d+) epochs)?$",
    re.MULTILINE,
)


@pytest.fixture
def work(tmp_path, monkeypatch, digits, image) -> pathlib.Path:
    """The current directory, with data/mnist.npz; no container may be left that has a folder of it."""
    (tmp_path / "data").mkdir()
    shutil.copy(digits / "mnist.npz", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLP_IMAGE", image)
    yield tmp_path
    mounted = ["docker", "ps", "--all", "--quiet", "--filter", f"volume={tmp_path}/data"]
    assert subprocess.run(mounted, capture_output=True, text=True, check=True).stdout == ""


def tune(capsys, trials: int) -> str:
    runpy.run_path(str(EXAMPLE))["main"](trials)
    return capsys.readouterr().out


def history(work, trial) -> list[dict[str, float]]:
    with open(work / f"tuning/trial-{trial}/output/data/history.csv", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def enqueue(monkeypatch, *trials: dict) -> None:
    """Makes the next study try these values first."""
    create_study = optuna.create_study

    def create(**arguments):
        study = create_study(**arguments)
        for values in trials:
            study.enqueue_trial(values)
        return study

    monkeypatch.setattr(optuna, "create_study", create)


def test_table_has_what_the_trials_left(work, capsys):
    with np.load(work / "data/mnist.npz") as arrays:
        np.savez(work / "data/mnist.npz", **{name: arrays[name][:400] for name in arrays.files})
    printed = tune(capsys, trials=3)
    rows = [match.groupdict() for match in ROW.finditer(printed)]
    assert [row["trial"] for row in rows] == ["0", "1", "2"]
    for row in rows:
        epochs = history(work, row["trial"])
        shown = int(row["stopped"] or row["epochs"])
        assert float(row["loss"]) == pytest.approx(epochs[shown - 1]["val_loss"], abs=5.1e-7)
        assert 50 <= int(row["epochs"]) <= 200
        assert row["stopped"] or len(epochs) == shown
    whole = [row for row in rows if not row["stopped"]]
    assert len(whole) >= 2
    best = min(whole, key=lambda row: float(row["loss"]))["trial"]
    assert f"The best model: {work}/tuning/trial-{best}/model" == printed.splitlines()[-1]
    assert (work / f"tuning/trial-{best}/model/model.h5").is_file()

    again = tune(capsys, trials=1)
    assert again.splitlines()[:2] == printed.splitlines()[:2]


def test_trial_that_does_worse_than_the_others_is_stopped(work, capsys, monkeypatch):
    good = {"epochs": 50, "learning_rate": 0.001, "batch_size": 64, "drop_rate": 0.2}
    without_hidden_layer = {**good, "drop_rate": 1.0}
    long = {**without_hidden_layer, "epochs": 200, "batch_size": 32}
    enqueue(monkeypatch, without_hidden_layer, good, good, long)
    rows = [match.groupdict() for match in ROW.finditer(tune(capsys, trials=4))]
    assert [row["stopped"] is not None for row in rows] == [False, False, False, True]
    assert 10 <= int(rows[3]["stopped"]) <= len(history(work, 3)) < 200
    assert (work / "tuning/trial-3/model/model.h5").is_file()

    # Of ten classes nothing but their shares is learned, though the job succeeds.
    last = history(work, 0)[-1]
    assert last["loss"] == pytest.approx(math.log(10), abs=0.02)
    assert last["val_loss"] > 2.2 > history(work, 1)[-1]["val_loss"]


def test_failed_trial_says_why(work, capsys):
    (work / "data/mnist.npz").unlink()
    with pytest.raises(RuntimeError, match=r"Trial 0 ended with exit code 1: .*error: .*/opt/ml/input/data/training"):
        tune(capsys, trials=1)
