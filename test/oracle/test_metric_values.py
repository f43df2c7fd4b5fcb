"""scikit-learn computes every metric on the same numbers, at random and at the edges of the definitions."""

import json
import math
import subprocess
import warnings

import numpy as np
import pytest
from sklearn import metrics

import program

# Absolute or relative. Both sides read the same float32 numbers and sum in double precision.
TOLERANCE = 1e-6
NAN = float("nan")
EPSILON = np.finfo(np.float32).eps

AVERAGES = [f"{score}_{mean}" for score in ("precision", "recall", "f1") for mean in ("micro", "macro", "weighted")]
CLASSES = ["accuracy", "balanced_accuracy", "top_k_accuracy", *AVERAGES]
CLASSES += ["auc", "auc_pr", "log_loss", "brier", "calibration_error"]
TWO_CLASSES = [*CLASSES, "precision", "recall", "f1"]
LABELS = ["accuracy", "subset_accuracy", *AVERAGES, "auc", "auc_pr", "log_loss", "brier", "calibration_error"]
NUMBERS = ["mse", "rmse", "mae", "mape", "r2"]


def ours(task, truth, predictions, names, top_k=5):
    """What mlp computes: truth is classes [rows] or numbers [rows, outputs], predictions [rows, outputs]."""
    truth, predictions = np.asarray(truth), np.asarray(predictions, dtype=np.float32)
    of_classes = task in ("classification", "binary")
    request = {
        "task": task,
        "outputs": predictions.shape[1],
        "classes": truth.tolist() if of_classes else [],
        "targets": [] if of_classes else truth.astype(np.float32).ravel().tolist(),
        "predictions": [None if math.isnan(value) else value for value in predictions.ravel().tolist()],
        "top_k": top_k,
        "names": names,
    }
    path = program.default_path().with_name("mlp_metric_values")
    if not path.is_file():
        pytest.fail(f"There is no program at {path}. 'make oracle' builds it.")
    done = subprocess.run(
        [path], input=json.dumps(request), capture_output=True, text=True, check=True, timeout=program.TIMEOUT_SECONDS
    )
    return {name: NAN if value is None else value for name, value in json.loads(done.stdout).items()}


def calibration_error(confidence, right):
    """Guo et al. 2017, equations 2 and 3: B_m holds confidences in ((m - 1) / M, m / M], M = 15."""
    edges = np.linspace(0, 1, 16)
    error = 0.0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        members = (confidence > low) & (confidence <= high)
        if low == 0:
            members |= confidence == 0
        if members.any():
            error += members.mean() * abs(right[members].mean() - confidence[members].mean())
    return error


def averages(truth, predicted, **labels):
    """All of AVERAGES, of classes or of a label matrix."""
    result = {}
    for name in AVERAGES:
        score, mean = name.split("_")
        score = getattr(metrics, f"{score}_score")
        result[name] = score(truth, predicted, average=mean, zero_division=0, **labels)
    return result


def mean_of_defined(values):
    values = [value for value in values if not math.isnan(value)]
    return np.mean(values) if values else NAN


def theirs_classes(truth, p, top_k=5):
    """Of classes 0 to k - 1, from probabilities [rows, k], in double precision."""
    truth, p = np.asarray(truth), np.asarray(p, dtype=np.float32).astype(float)
    count = p.shape[1]
    classes = range(count)
    predicted = p.argmax(axis=1)
    result = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        **averages(truth, predicted, labels=classes),
        # scikit-learn clips at the epsilon of its input's type, which is that of float32 in training.
        "log_loss": metrics.log_loss(truth, np.clip(p, EPSILON, 1 - EPSILON), labels=classes),
        "calibration_error": calibration_error(p.max(axis=1), predicted == truth),
    }
    if count == 2:
        for name in ("precision", "recall", "f1"):
            result[name] = getattr(metrics, f"{name}_score")(truth, predicted, zero_division=0)
        result["top_k_accuracy"] = metrics.top_k_accuracy_score(truth, p[:, 1], k=top_k, labels=classes)
        result["auc"] = metrics.roc_auc_score(truth, p[:, 1])
        result["auc_pr"] = metrics.average_precision_score(truth, p[:, 1])
        result["brier"] = metrics.brier_score_loss(truth, p[:, 1], pos_label=1)
    else:
        one_hot = np.eye(count)[truth]
        result["top_k_accuracy"] = metrics.top_k_accuracy_score(truth, p, k=top_k, labels=classes)
        result["auc"] = mean_of_defined([metrics.roc_auc_score(one_hot[:, c], p[:, c]) for c in classes])
        result["auc_pr"] = metrics.average_precision_score(one_hot, p, average="macro")
        result["brier"] = metrics.brier_score_loss(truth, p, labels=classes)
        if set(truth) == set(classes):
            whole = metrics.roc_auc_score(truth, p, multi_class="ovr", average="macro", labels=classes)
            assert result["auc"] == pytest.approx(whole)
    return result


def theirs_labels(truth, p):
    truth, p = np.asarray(truth), np.asarray(p, dtype=np.float32).astype(float)
    predicted = (p > 0.5).astype(int)
    columns = range(p.shape[1])
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    return {
        "accuracy": (predicted == truth).mean(),
        "subset_accuracy": metrics.accuracy_score(truth, predicted),
        **averages(truth, predicted),
        "auc": mean_of_defined([metrics.roc_auc_score(truth[:, c], p[:, c]) for c in columns]),
        "auc_pr": metrics.average_precision_score(truth, p, average="macro"),
        "log_loss": np.mean([metrics.log_loss(truth[:, c], clipped[:, c], labels=[0, 1]) for c in columns]),
        "brier": np.mean([metrics.brier_score_loss(truth[:, c], p[:, c], pos_label=1) for c in columns]),
        "calibration_error": calibration_error(np.maximum(p, 1 - p).ravel(), (predicted == truth).ravel()),
    }


def theirs_numbers(truth, predicted):
    truth, predicted = (np.asarray(values, dtype=np.float32).astype(float) for values in (truth, predicted))
    return {
        "mse": metrics.mean_squared_error(truth, predicted),
        "rmse": metrics.root_mean_squared_error(truth, predicted),
        "mae": metrics.mean_absolute_error(truth, predicted),
        "mape": metrics.mean_absolute_percentage_error(truth, predicted),
        "r2": metrics.r2_score(truth, predicted),
    }


def check(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=TOLERANCE, abs=TOLERANCE, nan_ok=True), name


@pytest.fixture(autouse=True)
def quiet():
    """scikit-learn warns of the very edges that these tests are about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def softmax(logits):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32)


def coarse(p, steps=8):
    """Probabilities with many ties, whose sums over a row are 1 still."""
    p = np.floor(p * steps) / steps
    p[:, -1] = 1 - p[:, :-1].sum(axis=1)
    return p


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("top_k", [1, 2, 5])
@pytest.mark.parametrize("ties", [False, True])
def test_classes_at_random(classes, top_k, ties):
    random = np.random.default_rng(classes)
    truth = random.integers(classes, size=700)
    p = softmax(random.normal(size=(700, classes)) + 1.5 * np.eye(classes)[truth])
    if ties:
        p = coarse(p)
    names = TWO_CLASSES if classes == 2 else CLASSES
    check(ours("classification", truth, p, names, top_k), theirs_classes(truth, p, top_k))


@pytest.mark.parametrize("top_k", [1, 2])
def test_one_sigmoid_output_at_random(top_k):
    random = np.random.default_rng(7)
    truth = random.integers(2, size=900)
    p = (1 / (1 + np.exp(-random.normal(size=900) - truth))).astype(np.float32)
    expected = theirs_classes(truth, np.column_stack([1 - p.astype(float), p]), top_k)
    check(ours("binary", truth, p[:, None], TWO_CLASSES, top_k), expected)


THIRDS = [[0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [0.125, 0.125, 0.75], [0.25, 0.25, 0.5]]
CLASS_EDGES = {
    "a class is absent": ([0, 1, 1, 0], THIRDS),
    "a class is absent and never predicted": ([0, 1, 1, 0], [[0.75, 0.25, 0]] * 2 + [[0.25, 0.75, 0]] * 2),
    "a class is never predicted": ([0, 1, 2, 2], [[0.5, 0.25, 0.25]] * 4),
    "one class alone": ([1, 1, 1, 1], THIRDS),
    "constant predictions": ([0, 1, 2, 0], [[0.25, 0.25, 0.5]] * 4),
    "all probabilities alike": ([0, 1, 2, 3], [[0.25] * 4] * 4),
    "certain and right": ([0, 1, 2], np.eye(3)),
    "certain and wrong": ([1, 2, 0], np.eye(3)),
    "one row": ([2], [[0.25, 0.5, 0.25]]),
    "two classes, one absent": ([1, 1], [[0.25, 0.75], [0.75, 0.25]]),
    "two classes, no second": ([0, 0, 0], [[0.25, 0.75], [0.75, 0.25], [0.5, 0.5]]),
    "two classes, constant predictions": ([0, 1, 1], [[0.5, 0.5]] * 3),
    "two classes, ties": ([0, 1, 1, 0, 1], [[0.5, 0.5], [0.5, 0.5], [0.25, 0.75], [0.25, 0.75], [1, 0]]),
    "two classes, a half and a little more": ([1, 1], [[0.5, 0.5], [0.484375, 0.515625]]),
    "two classes, certain and wrong": ([0, 1], [[0, 1], [1, 0]]),
}


@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("case", CLASS_EDGES)
def test_classes_at_edges(case, top_k):
    truth, p = CLASS_EDGES[case]
    p = np.array(p, dtype=float)
    names = TWO_CLASSES if p.shape[1] == 2 else CLASSES
    expected = theirs_classes(truth, p, top_k)
    check(ours("classification", truth, p, names, top_k), expected)
    if p.shape[1] == 2:
        check(ours("binary", truth, p[:, 1:], names, top_k), expected)


@pytest.mark.parametrize("labels", [2, 6])
@pytest.mark.parametrize("ties", [False, True])
def test_labels_at_random(labels, ties):
    random = np.random.default_rng(labels)
    truth = (random.random(size=(600, labels)) < np.linspace(0.1, 0.8, labels)).astype(int)
    p = (1 / (1 + np.exp(-random.normal(size=truth.shape) - 2 * truth + 1))).astype(np.float32)
    if ties:
        p = np.floor(p * 8) / 8
    check(ours("multilabel", truth, p, LABELS), theirs_labels(truth, p))


LABEL_EDGES = {
    "no row has the second label": ([[1, 0], [0, 0], [1, 0]], [[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]),
    "every row has the first label": ([[1, 0], [1, 1], [1, 0]], [[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]),
    "no labels at all": ([[0, 0], [0, 0]], [[0.75, 0.25], [0.25, 0.25]]),
    "none predicted": ([[1, 0], [0, 1]], [[0.5, 0.25], [0.25, 0.5]]),
    "none true and none predicted": ([[0, 0], [0, 0]], [[0, 0.25], [0.25, 0.5]]),
    "certain and wrong": ([[1, 0], [0, 1]], [[0, 1], [1, 0]]),
    "a half and a little more": ([[1, 1], [0, 1]], [[0.5, 0.515625], [0.25, 0.25]]),
    "constant predictions": ([[1, 0], [0, 1], [1, 1]], [[0.75, 0.75]] * 3),
}


@pytest.mark.parametrize("case", LABEL_EDGES)
def test_labels_at_edges(case):
    truth, p = (np.array(part) for part in LABEL_EDGES[case])
    check(ours("multilabel", truth, p, LABELS), theirs_labels(truth, p))


@pytest.mark.parametrize("targets", [1, 3])
def test_numbers_at_random(targets):
    random = np.random.default_rng(targets)
    truth = (random.normal(size=(500, targets)) * 10.0 ** np.arange(targets) + 50).astype(np.float32)
    predicted = (truth + random.normal(size=truth.shape)).astype(np.float32)
    check(ours("regression", truth, predicted, NUMBERS), theirs_numbers(truth, predicted))


NUMBER_EDGES = {
    "a constant target, met": ([[7], [7], [7]], [[7], [7], [7]]),
    "a constant target, missed": ([[7], [7], [7]], [[7], [8], [7]]),
    "constant predictions": ([[1], [2], [6]], [[3], [3], [3]]),
    "one row": ([[1]], [[2]]),
    "a target of zero": ([[0], [2]], [[0.5], [2]]),
    "worse than the mean": ([[1], [2]], [[2], [1]]),
    "one constant target of two": ([[7, 1], [7, 2]], [[7, 1], [7, 3]]),
    "far from zero": ([[1e7], [1e7 + 1], [1e7 + 2]], [[1e7], [1e7], [1e7 + 4]]),
}


@pytest.mark.parametrize("case", NUMBER_EDGES)
def test_numbers_at_edges(case):
    truth, predicted = NUMBER_EDGES[case]
    check(ours("regression", truth, predicted, NUMBERS), theirs_numbers(truth, predicted))


def test_a_prediction_that_is_no_number_leaves_nothing_known():
    """scikit-learn refuses such predictions."""
    for found in (
        ours("binary", [0, 1], [[0.5], [NAN]], TWO_CLASSES),
        ours("classification", [0, 2], [[NAN] * 3, [0, 0, 1]], CLASSES),
        ours("multilabel", [[0, 1]], [[NAN, 1]], LABELS),
        ours("regression", [[0], [1]], [[NAN], [1]], NUMBERS),
    ):
        assert all(math.isnan(value) for value in found.values())


def test_log_loss_clips_as_float32_does():
    p = np.array([[0, 1], [1, 0], [0.25, 0.75]], dtype=np.float32)
    expected = metrics.log_loss([0, 1, 1], p, labels=[0, 1])
    # scikit-learn sums float32 logarithms here.
    assert ours("classification", [0, 1, 1], p, ["log_loss"])["log_loss"] == pytest.approx(expected, rel=TOLERANCE)
