"""Keras's EarlyStopping, given the metrics of our epochs, stops at the same one and keeps the same one."""

import keras
import numpy as np
import pytest

from conftest import blobs


@pytest.mark.parametrize("metric", ["val_loss", "val_accuracy", "loss"])
@pytest.mark.parametrize("patience", [0, 2, 5])
@pytest.mark.parametrize("min_delta", [0, 0.004])
def test_same_epoch(mlp, tmp_path, metric, patience, min_delta):
    x, y = blobs(300, 4, 3, seed=5)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/made.npz", x_train=x[:150], y_train=y[:150], x_test=x[150:], y_test=y[150:])
    flags = {
        "early_stopping_patience": patience,
        "early_stopping_metric": metric,
        "early_stopping_min_delta": min_delta,
    }
    trained = mlp.train(tmp_path, tmp_path / "data", epochs=60, learning_rate=0.02, dense_hidden=64, **flags)
    history = trained.history()

    class Model:
        stop_training = False

        def get_weights(self):
            return None

    judge = keras.callbacks.EarlyStopping(
        monitor=metric, min_delta=min_delta, patience=patience, mode="max" if "accuracy" in metric else "min"
    )
    judge.set_model(Model())
    judge.on_train_begin()
    for index, value in enumerate(history[metric]):
        judge.on_epoch_end(index, {metric: value})
        if judge.model.stop_training:
            assert index + 1 == len(history[metric])
    assert judge.model.stop_training == (len(history[metric]) < 60)

    # The weights that are kept are of the best epoch.
    kept = mlp.train(tmp_path / "again", tmp_path / "data", epochs=judge.best_epoch + 1, learning_rate=0.02, dense_hidden=64)
    np.save(tmp_path / "x.npy", x)
    probabilities = [mlp.predict(job.model_dir, tmp_path / "x.npy").text for job in (trained, kept)]
    assert probabilities[0] == probabilities[1]
