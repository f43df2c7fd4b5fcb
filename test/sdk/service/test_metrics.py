"""What metric definitions find in the log of a real container is what history.csv and metrics.json hold."""

import csv
import json
import re
import subprocess

import pytest
from platform_jobs import channel, table, training_request
from sagemaker_service import TrainingJob
from sagemaker_service.metrics import matches

SEED_REGEXES = {
    "loss": r"loss: ([0-9\.]+)",
    "val_loss": r"val_loss: ([0-9\.]+)",
    "val_accuracy": r"val_accuracy: ([0-9\.]+)",
}
LABELS = {"classification": ["no", "perhaps", "yes"], "regression": ["number"]}
FURTHER = {"classification": "auc,f1_macro,log_loss", "regression": "mape,mse"}
PLACES = {"keras": 6, "sagemaker": 6, "xgboost": 5}
# XGBoost's names, where they are others than Keras's.
XGBOOST_NAMES = {"mlogloss": "loss", "mse": "loss"}
DATASETS = {"train": "training", "validation": "validation", "test": "test"}


def describe(image, *options):
    command = ["docker", "run", "--rm", image, "describe", *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["metric_definitions"]


def run(image, folder, task, style="keras"):
    """A job with a validation and a test channel, and metrics beyond those that each epoch has anyway."""
    inputs = {}
    for seed, name in enumerate(["training", "validation", "test"]):
        inputs[name] = folder / f"{name}.csv"
        inputs[name].write_bytes(table(LABELS[task], rows=60 + seed, seed=seed, spread=0.8))
    hyperparameters = {"epochs": "4", "metric_style": style, "eval_metrics": FURTHER[task], "validation_split": "0"}
    channels = [channel(name) for name in inputs]
    definitions = describe(image, "--task", task, "--metric_style", style, "--eval_metrics", FURTHER[task])
    request = training_request(
        f"{task}-{style}", channels, hyperparameters, {"MetricDefinitions": definitions},
    )
    job = TrainingJob(request, image, inputs, folder / "jobs").run()
    assert job.status == "Completed", job.log
    return job


def history(job):
    with open(job.root / "output/data/history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    columns = {name: [float(row[name]) for row in rows] for name in rows[0]}
    for name in columns:
        if twin := columns.get(f"val_{name}"):
            assert not set(columns[name]) & set(twin), f"{name}: equal values would not tell training from validation"
    return columns


def rounded(values, places):
    return [float(f"{value:.{places}f}") for value in values]


@pytest.mark.parametrize("task", LABELS)
def test_the_demos_expressions_find_each_epochs_value_in_their_lines_first_match(image, tmp_path, task):
    job = run(image, tmp_path, task)
    columns = history(job)
    for column, regex in SEED_REGEXES.items():
        assert job.matches(regex) == rounded(columns.get(column, []), 6), column


@pytest.mark.parametrize("every", [False, True], ids=["first match", "every match"])
@pytest.mark.parametrize("style", PLACES)
@pytest.mark.parametrize("task", LABELS)
def test_describes_definitions_find_each_epochs_value_and_then_the_final_one(image, tmp_path, task, style, every):
    job = run(image, tmp_path, task, style)
    columns = history(job)
    final = json.loads((job.root / "output/data/metrics.json").read_text())
    definitions = job.request["AlgorithmSpecification"]["MetricDefinitions"]
    found = {definition["Name"]: job.matches(definition["Regex"], every) for definition in definitions}
    measure = {"classification": "accuracy", "regression": "rmse"}[task]
    assert {f"train:{measure}", f"validation:{measure}", f"test:{measure}"} <= found.keys()
    for name, values in found.items():
        dataset, metric = name.split(":")
        if metric == "merror":  # 1 - accuracy
            assert values == pytest.approx([1 - value for value in found[f"{dataset}:accuracy"]], abs=1.1e-5)
            continue
        if style == "xgboost":
            metric = XGBOOST_NAMES.get(metric, metric)
        prefix = {"train": "", "validation": "val_"}.get(dataset)
        epochs = columns[prefix + metric] if prefix is not None else []
        assert values == rounded([*epochs, final[DATASETS[dataset]][metric]], PLACES[style]), name
    if not every:
        assert {name: values[-1] for name, values in found.items()} == dict(job.metrics)


@pytest.mark.parametrize("style", PLACES)
@pytest.mark.parametrize("task", LABELS)
def test_describes_expressions_keep_to_what_any_engine_knows(image, task, style):
    definitions = describe(image, "--task", task, "--metric_style", style, "--eval_metrics", FURTHER[task])
    for regex in (definition["Regex"] for definition in definitions):
        assert re.compile(regex).groups == 1
        assert not re.search(r"\(\?(<|P|[aiLmsux-])", regex), f"look-behind, named group or flag: {regex}"


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "high"])
def test_values_that_are_no_finite_numbers_are_dropped(text):
    assert matches(r"loss: (\S+)", f"loss: {text}\nloss: 0.5\n") == [0.5]


def test_every_match_is_more_than_the_first_one(image, tmp_path):
    job = run(image, tmp_path, "classification")
    number = r" - \w*loss: ([0-9.]+)"
    assert len(job.matches(number)) == 4 and len(job.matches(number, every=True)) == 4 * 4


def test_final_metrics_are_the_last_values(account, train):
    definitions = [
        {"Name": "train:error", "Regex": SEED_REGEXES["loss"]},
        {"Name": "validation:error", "Regex": SEED_REGEXES["val_loss"]},
        {"Name": "text", "Regex": r"Network: ([0-9-]+)"},
        {"Name": "absent", "Regex": r"no such line ([0-9]+)"},
    ]
    job, described = train("final-metrics", algorithm={"MetricDefinitions": definitions})
    last = {item["MetricName"]: item["Value"] for item in described["FinalMetricDataList"]}
    with open(job.root / "output/data/history.csv", newline="") as file:
        row = list(csv.DictReader(file))[-1]
    assert last == {
        "train:error": float(f"{float(row['loss']):.6f}"), "validation:error": float(f"{float(row['val_loss']):.6f}"),
    }
