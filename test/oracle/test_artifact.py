"""Keras loads model.h5 as it is, and predicts what mlp predicts."""

import json
import subprocess

import keras
import numpy as np
import pytest

import program
import test_steps
from conftest import blobs, images, write_csv

# Both sum the same float32 products in different orders.
TOLERANCE = 1e-5


def layer_kinds(model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


@pytest.fixture(scope="module")
def image_job(mlp, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    x_train, y_train = images(600, 10, seed=1)
    x_test, y_test = images(200, 10, seed=2)
    (folder / "data").mkdir()
    np.savez(folder / "data/made.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return folder, mlp.train(folder, folder / "data", epochs=3, learning_rate=0.001), x_test, y_test


def test_images_are_predicted_alike(mlp, image_job):
    folder, trained, x_test, _ = image_job
    np.save(folder / "x_test.npy", x_test)
    ours = mlp.predict(trained.model_dir, folder / "x_test.npy")
    model = keras.models.load_model(trained.model)
    theirs = model.predict(x_test / 255.0, verbose=0)
    assert ours.values.shape == theirs.shape == (200, 10)
    np.testing.assert_allclose(ours.values, theirs, rtol=0, atol=TOLERANCE)


def test_an_image_model_is_flatten_dense_dropout_dense(image_job):
    model = keras.models.load_model(image_job[1].model)
    assert model.input_shape == (None, 28, 28)
    assert layer_kinds(model) == ["Flatten", "Dense", "Dropout", "Dense"]
    _, hidden, dropout, last = model.layers
    assert (hidden.units, hidden.activation) == (128, keras.activations.relu)
    assert dropout.rate == 0.2
    assert (last.units, last.activation) == (10, keras.activations.softmax)


def test_keras_can_go_on_training(image_job):
    _, trained, x_test, y_test = image_job
    model = keras.models.load_model(trained.model)
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.evaluate(x_test / 255.0, y_test, verbose=0)
    model.fit(x_test / 255.0, y_test, epochs=5, verbose=0)
    assert model.evaluate(x_test / 255.0, y_test, verbose=0) < before


def test_keras_saves_it_as_its_own(image_job, tmp_path):
    _, trained, x_test, _ = image_job
    model = keras.models.load_model(trained.model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(x_test / 255.0, verbose=0), model.predict(x_test / 255.0, verbose=0)
    )


def test_a_standardised_regression_is_predicted_alike(mlp, tmp_path):
    x, _ = blobs(500, 3, 4, seed=1)
    x[:, 3] = 7.5  # A constant column, which is left out.
    target = 2000 + 300 * x[:, 0] - 40 * x[:, 1] + np.random.default_rng(1).normal(size=500) * 50
    names = ["a", "b", "c", "d"]
    write_csv(tmp_path / "data/rows.csv", ["price", *names], [target.tolist(), *x.T.tolist()])
    rows = write_csv(tmp_path / "x.csv", names, x.T.tolist())
    trained = mlp.train(
        tmp_path, tmp_path / "data", target="price", epochs=5, dense_hidden="16,8", learning_rate=0.01
    )
    ours = mlp.predict(trained.model_dir, rows)
    model = keras.models.load_model(trained.model)
    assert layer_kinds(model) == ["Normalization", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert model.layers[-1].activation == keras.activations.linear
    theirs = model.predict(x[:, :3].astype(np.float32), verbose=0)
    # Values are in the target's unit, so the tolerance is in its standard deviations.
    np.testing.assert_allclose(ours.values / target.std(), theirs / target.std(), rtol=0, atol=TOLERANCE)


def test_text_labels_are_predicted_alike(mlp, tmp_path):
    kinds = np.array(["setosa", "versicolor", "virginica"])
    x, y = blobs(400, 3, 3, seed=3)
    names = ["a", "b", "c"]
    write_csv(tmp_path / "data/rows.csv", ["kind", *names], [kinds[y].tolist(), *x.T.tolist()])
    rows = write_csv(tmp_path / "x.csv", names, x.T.tolist())
    trained = mlp.train(tmp_path, tmp_path / "data", target="kind", epochs=5, learning_rate=0.01)
    ours = mlp.predict(trained.model_dir, rows)
    theirs = keras.models.load_model(trained.model).predict(x.astype(np.float32), verbose=0)
    np.testing.assert_allclose(ours.values, theirs, rtol=0, atol=TOLERANCE)
    order = [name.removeprefix("probability_") for name in ours.header[1:]]
    assert sorted(order) == sorted(kinds)
    assert ours.labels == [order[best] for best in ours.values.argmax(axis=1)]


def test_mnist_is_predicted_alike(mlp, mnist, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mnist.npz").write_bytes(mnist.read_bytes())
    trained = mlp.train(tmp_path, tmp_path / "data", epochs=1, learning_rate=0.001)
    with np.load(mnist) as arrays:
        x_test, y_test = arrays["x_test"], arrays["y_test"]
    written = np.loadtxt(trained.output_dir / "prediction.csv", delimiter=",")
    assert written.shape == (10000, 2)
    np.testing.assert_array_equal(written[:, 0], y_test)

    np.save(tmp_path / "x_test.npy", x_test)
    ours = mlp.predict(trained.model_dir, tmp_path / "x_test.npy").values
    np.testing.assert_array_equal(written[:, 1], ours.argmax(axis=1))
    theirs = keras.models.load_model(trained.model).predict(x_test / 255.0, batch_size=1000, verbose=0)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)
    # Within the tolerance, two nearly equal probabilities may change places.
    best_two = np.sort(theirs, axis=1)[:, -2:]
    clear = best_two[:, 1] - best_two[:, 0] > 2 * TOLERANCE
    np.testing.assert_array_equal(written[clear, 1], theirs[clear].argmax(axis=1))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "selu", "elu", "leaky_relu", "silu"])
def test_every_activation_is_predicted_alike(mlp, tmp_path, activation):
    x, y = blobs(400, 3, 4, seed=1)
    x = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/made.npz", x=x, y=y)
    trained = mlp.train(tmp_path, tmp_path / "data", epochs=3, dense_hidden="32,16", activation=activation)
    np.save(tmp_path / "x.npy", x)
    ours = mlp.predict(trained.model_dir, tmp_path / "x.npy").values
    model = keras.models.load_model(trained.model)
    assert model.layers[0].activation == keras.activations.get(activation)
    np.testing.assert_allclose(ours, model.predict(x, verbose=0), rtol=0, atol=TOLERANCE)


def test_a_binary_task_has_one_sigmoid_output(mlp, tmp_path):
    x, y = blobs(400, 2, 4, seed=2)
    kinds = [["no", "yes"][kind] for kind in y]
    rows = write_csv(tmp_path / "data/rows.csv", ["kind", "a", "b", "c", "d"], [kinds, *x.T.tolist()])
    trained = mlp.train(tmp_path, tmp_path / "data", target="kind", task="binary", epochs=5)
    ours = mlp.predict(trained.model_dir, rows)
    assert ours.header == ["label", "probability_no", "probability_yes"]
    model = keras.models.load_model(trained.model)
    assert model.output_shape == (None, 1)
    theirs = model.predict(x.astype(np.float32), verbose=0)
    np.testing.assert_allclose(ours.values[:, 1:], theirs, rtol=0, atol=TOLERANCE)
    assert ours.labels == [["no", "yes"][int(p > 0.5)] for p in ours.values[:, 1]]


def test_several_labels_have_a_sigmoid_output_each(mlp, tmp_path):
    random = np.random.default_rng(3)
    x = random.normal(size=(500, 5)).astype(np.float32)
    y = (x[:, :3] + 0.3 * random.normal(size=(500, 3)) > 0.2).astype(np.int64)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/made.npz", x=x, y=y)
    trained = mlp.train(tmp_path, tmp_path / "data", epochs=5, learning_rate=0.01)
    np.save(tmp_path / "x.npy", x)
    text = mlp.predict_text(trained.model_dir, tmp_path / "x.npy")
    header, *lines = (line.split(",") for line in text.splitlines())
    assert header == ["label_0", "label_1", "label_2", "probability_0", "probability_1", "probability_2"]
    ours = np.array(lines, dtype=float)
    theirs = keras.models.load_model(trained.model).predict(x, verbose=0)
    np.testing.assert_allclose(ours[:, 3:], theirs, rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(ours[:, :3], ours[:, 3:] > 0.5)
    assert ((ours[:, :3] > 0) == (y > 0)).mean() > 0.8


def test_several_targets_are_predicted_in_their_units(mlp, tmp_path):
    x, _ = blobs(400, 3, 3, seed=4)
    prices = 5000 + 30 * x[:, 0]
    shares = 0.01 * x[:, 1]
    names = ["a", "price", "b", "share", "c"]
    rows = write_csv(tmp_path / "data/rows.csv", names, [x[:, 0], prices, x[:, 1], shares, x[:, 2]])
    trained = mlp.train(tmp_path, tmp_path / "data", target="price,share", epochs=30, drop_rate=0)
    text = mlp.predict_text(trained.model_dir, rows)
    header, *lines = (line.split(",") for line in text.splitlines())
    assert header == ["prediction_price", "prediction_share"]
    ours = np.array(lines, dtype=float)
    theirs = keras.models.load_model(trained.model).predict(x.astype(np.float32), verbose=0)
    for j, truth in enumerate((prices, shares)):
        np.testing.assert_allclose(ours[:, j], theirs[:, j], rtol=0, atol=TOLERANCE * np.abs(theirs[:, j]).max())
        assert np.corrcoef(ours[:, j], truth)[0, 1] > 0.97


@pytest.mark.parametrize(
    ("others", "embeddings"),
    [(3, [[4, 2], [4, 2], [1000, 17], [1, 1]]), (1, [[5, 3]]), (0, [[5, 3], [2, 1]]), (0, [[5, 3]])],
    ids=["several", "one", "nothing else", "one and nothing else"],
)
def test_a_network_with_embeddings_is_predicted_alike(tmp_path, others, embeddings):
    """The file is that of the program mlp_steps, after some steps on made-up rows."""
    random = np.random.default_rng(1)
    numbers = np.column_stack([random.integers(categories, size=300) for categories, _ in embeddings])
    x = np.column_stack([random.normal(size=(300, others)), numbers]).astype(np.float32)
    y = (numbers[:, 0] % 4).astype(np.int32)
    x.tofile(tmp_path / "x.bin")
    y.tofile(tmp_path / "classes.bin")
    config = test_steps.DEFAULTS | {"inputs": x.shape[1], "embeddings": embeddings, "learning_rate": 0.01}
    (tmp_path / "config.json").write_text(json.dumps(config))
    subprocess.run([program.default_path().with_name("mlp_steps"), tmp_path], check=True, capture_output=True)
    ours = np.fromfile(tmp_path / "predictions.bin", dtype=np.float32).reshape(300, 4)
    assert (ours.argmax(axis=1) == y).mean() > 0.9

    def tables(model):
        return [layer.get_weights()[0] for layer in model.layers if isinstance(layer, keras.layers.Embedding)]

    model = keras.models.load_model(tmp_path / "model.h5")
    np.testing.assert_allclose(ours, model.predict(x, verbose=0), rtol=0, atol=TOLERANCE)
    before = tables(model)
    assert [list(table.shape) for table in before] == embeddings
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(ours, again.predict(x, verbose=0), rtol=0, atol=TOLERANCE)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert np.any(tables(model)[0] != before[0])
