"""scikit-learn computes the same metrics from prediction.csv and from the probabilities."""

import json

import numpy as np
import pytest
from sklearn import metrics

from conftest import blobs, write_csv

# prediction.csv holds values in shortest decimals of float32; sums over rows run in another order.
RELATIVE = 1e-5


def classification_job(mlp, folder, classes):
    """Clouds that overlap, so that no metric is 1; the test arrays are the validation data too."""
    x, y = blobs(800, classes, 3, seed=5)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    (folder / "data").mkdir()
    np.savez(folder / "data/made.npz", x_train=x[:500], y_train=y[:500], x_test=x[500:], y_test=y[500:])
    trained = mlp.train(folder, folder / "data", epochs=4, learning_rate=0.01)
    np.save(folder / "x_test.npy", x[500:])
    probabilities = mlp.predict(trained.model_dir, folder / "x_test.npy").values
    truth, predicted = trained.predictions()
    truth, predicted = np.array(truth, dtype=float), np.array(predicted, dtype=float)
    np.testing.assert_array_equal(truth, y[500:])
    return trained, truth, predicted, probabilities


def evaluation(trained, kind: str) -> dict:
    document = json.loads((trained.output_dir / "evaluation.json").read_text())
    assert document["dataset"] == "test"
    return document[kind]


def check_values(report: dict, expected: dict):
    for name, value in expected.items():
        assert report[name]["value"] == pytest.approx(value, rel=RELATIVE), name
        assert report[name]["standard_deviation"] == "NaN", name


def check_confusion(report: dict, truth, predicted, classes: int):
    matrix = metrics.confusion_matrix(truth, predicted, labels=range(classes))
    assert report["confusion_matrix"] == {
        str(row): {str(column): int(matrix[row, column]) for column in range(classes)} for row in range(classes)
    }


def check_history(trained, truth, predicted, probabilities):
    history = trained.history()
    assert list(history["epoch"]) == [1, 2, 3, 4]
    assert history["val_accuracy"][-1] == pytest.approx(metrics.accuracy_score(truth, predicted), rel=RELATIVE)
    assert history["val_loss"][-1] == pytest.approx(metrics.log_loss(truth, probabilities), rel=1e-4)


def test_multiclass(mlp, tmp_path):
    trained, truth, predicted, probabilities = classification_job(mlp, tmp_path, 4)
    report = evaluation(trained, "multiclass_classification_metrics")
    expected = {"accuracy": metrics.accuracy_score(truth, predicted)}
    for name in ("precision", "recall", "f1"):
        score = getattr(metrics, f"{name}_score")
        expected[f"weighted_{name}"] = score(truth, predicted, average="weighted", zero_division=0)
    check_values(report, expected)
    check_confusion(report, truth, predicted, 4)
    check_history(trained, truth, predicted, probabilities)


def test_binary(mlp, tmp_path):
    trained, truth, predicted, probabilities = classification_job(mlp, tmp_path, 2)
    report = evaluation(trained, "binary_classification_metrics")
    check_values(
        report,
        {
            "accuracy": metrics.accuracy_score(truth, predicted),
            "precision": metrics.precision_score(truth, predicted, zero_division=0),
            "recall": metrics.recall_score(truth, predicted, zero_division=0),
            "f1": metrics.f1_score(truth, predicted, zero_division=0),
            "auc": metrics.roc_auc_score(truth, probabilities[:, 1]),
        },
    )
    check_confusion(report, truth, predicted, 2)
    check_history(trained, truth, predicted, probabilities)


def test_regression(mlp, tmp_path):
    x, _ = blobs(800, 3, 3, seed=6)
    target = 50 * x[:, 0] + 3 * x[:, 1] + np.random.default_rng(6).normal(size=800) * 20
    names = ["price", "a", "b", "c"]
    for name, rows in (("train", slice(0, 500)), ("test", slice(500, None))):
        write_csv(tmp_path / name / "rows.csv", names, [target[rows].tolist(), *x[rows].T.tolist()])
    trained = mlp.train(
        tmp_path,
        tmp_path / "train",
        validation=tmp_path / "test",
        test=tmp_path / "test",
        target="price",
        epochs=4,
        learning_rate=0.01,
    )
    truth, predicted = (np.array(column, dtype=float) for column in trained.predictions())
    np.testing.assert_allclose(truth, target[500:], rtol=1e-6)
    mse = metrics.mean_squared_error(truth, predicted)
    expected = {
        "mse": mse,
        "rmse": np.sqrt(mse),
        "mae": metrics.mean_absolute_error(truth, predicted),
        "r2": metrics.r2_score(truth, predicted),
    }
    check_values(evaluation(trained, "regression_metrics"), expected)
    history = trained.history()
    for column, name in (("val_loss", "mse"), ("val_rmse", "rmse"), ("val_mae", "mae"), ("val_r2", "r2")):
        assert history[column][-1] == pytest.approx(expected[name], rel=1e-4), column
