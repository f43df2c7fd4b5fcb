"""200 steps from the same weights on the same batches end where Keras's end.

Every activation, loss, optimizer and schedule, and embeddings, in float32, without dropout. The model is the project's
own step (the program mlp_steps of this folder), without the loop, the data and the scaling around it.
"""

import json
import math
import subprocess

import keras
import numpy as np
import pytest

import program

STEPS = 200
BATCH = 32
INPUTS, HIDDEN = 20, [24, 16]
# Of the largest weight of a layer. Both sum float32 in different orders, step after step.
TOLERANCE = 1e-4

DEFAULTS = {
    "inputs": INPUTS,
    "hidden": HIDDEN,
    "outputs": 4,
    "embeddings": [],
    "activation": "relu",
    "kernel_initializer": "glorot_uniform",
    "loss": "softmax",
    "label_smoothing": 0.0,
    "huber_delta": 1.0,
    "optimizer": "adam",
    "learning_rate": 0.001,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-7,
    "momentum": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "global_clipnorm": 0.0,
    "schedule": "constant",
    "warmup_steps": 0,
    "decay_steps": 1,
    "alpha": 0.0,
    "decay_rate": 1.0,
    "batch_size": BATCH,
    "num_threads": 2,
    "steps": STEPS,
}


def made_rows(outputs: int, embeddings: list, seed: int = 3):
    """Rows with a target of each kind that follows from them, and weights; the last features number categories."""
    random = np.random.default_rng(seed)
    rows = STEPS * BATCH
    x = random.normal(size=(rows, INPUTS)).astype(np.float32)
    values = np.tanh(x @ random.normal(size=(INPUTS, outputs)) / 3) * 2 + 0.1 * random.normal(size=(rows, outputs))
    weights = random.uniform(0, 2, size=rows).astype(np.float32)
    for categories, _ in embeddings:
        # Some are in every batch several times, and some of many are in hardly any.
        numbers = (categories * random.uniform(size=rows) ** 2).astype(int)
        values += random.normal(size=(categories, outputs))[numbers]
        x = np.column_stack([x, numbers.astype(np.float32)])
    return x, values.argmax(axis=1).astype(np.int32), values.astype(np.float32), weights


def weight_arrays(path, outputs: int, embeddings: list) -> list[np.ndarray]:
    flat = np.fromfile(path, dtype=np.float32)
    widths = [INPUTS + sum(width for _, width in embeddings), *HIDDEN, outputs]
    arrays, first = [], 0
    for categories, width in embeddings:
        arrays.append(flat[first : first + categories * width].reshape(categories, width))
        first += categories * width
    for inputs, units in zip(widths, widths[1:]):
        arrays.append(flat[first : first + inputs * units].reshape(inputs, units))
        arrays.append(flat[first + inputs * units : first + (inputs + 1) * units])
        first += (inputs + 1) * units
    assert first == flat.size
    return arrays


def keras_loss(config: dict):
    smoothing = config["label_smoothing"]
    return {
        "softmax": lambda: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        "sigmoid": lambda: keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing),
        "mean_squared_error": keras.losses.MeanSquaredError,
        "mean_absolute_error": keras.losses.MeanAbsoluteError,
        "huber": lambda: keras.losses.Huber(delta=config["huber_delta"]),
    }[config["loss"]]()


def keras_learning_rate(config: dict):
    rate = config["learning_rate"]
    if config["schedule"] == "cosine":
        warmup = {"initial_learning_rate": rate}
        if config["warmup_steps"]:
            warmup = {
                "initial_learning_rate": 0.0,
                "warmup_target": rate,
                "warmup_steps": config["warmup_steps"],
            }
        return keras.optimizers.schedules.CosineDecay(
            decay_steps=config["decay_steps"], alpha=config["alpha"], **warmup
        )
    if config["schedule"] == "step":
        return keras.optimizers.schedules.ExponentialDecay(
            rate, decay_steps=config["decay_steps"], decay_rate=config["decay_rate"], staircase=True
        )
    return rate


def keras_optimizer(config: dict):
    common = {
        "learning_rate": keras_learning_rate(config),
        "weight_decay": config["weight_decay"] or None,
        "global_clipnorm": config["global_clipnorm"] or None,
    }
    if config["optimizer"] == "sgd":
        return keras.optimizers.SGD(momentum=config["momentum"], nesterov=config["nesterov"], **common)
    kind = keras.optimizers.AdamW if config["weight_decay"] else keras.optimizers.Adam
    return kind(beta_1=config["beta_1"], beta_2=config["beta_2"], epsilon=config["epsilon"], **common)


class MergedEmbedding(keras.layers.Embedding):
    """An Embedding whose gradient has one row for each category.

    That of Keras's own on TensorFlow has one for each row of the batch. Its Adam squares them one by one where a
    category is there several times, and its global_clipnorm as well: on other backends they are added up before.
    """

    def call(self, inputs):
        return keras.ops.one_hot(inputs, self.input_dim) @ self.embeddings


def keras_model(config: dict):
    activation = "swish" if config["activation"] == "silu" else config["activation"]
    row = x = keras.layers.Input((config["inputs"],))
    if config["embeddings"]:
        squares = config["optimizer"] == "adam" or config["global_clipnorm"]
        embedding = MergedEmbedding if squares else keras.layers.Embedding
        parts = [row[:, :INPUTS]]
        for i, (categories, width) in enumerate(config["embeddings"]):
            parts.append(embedding(categories, width)(row[:, INPUTS + i]))
        x = keras.layers.Concatenate()(parts)
    for width in HIDDEN:
        x = keras.layers.Dense(width, activation=activation)(x)
    return keras.Model(row, keras.layers.Dense(config["outputs"])(x))


def run_both(tmp_path, weighted: bool = False, **changes):
    """The weights before, after our steps, and after Keras's; the rows; and the configuration."""
    config = {**DEFAULTS, **changes}
    outputs, embeddings = config["outputs"], config["embeddings"]
    config["inputs"] += len(embeddings)
    x, classes, values, weights = made_rows(outputs, embeddings)
    x.tofile(tmp_path / "x.bin")
    if config["loss"] == "softmax":
        classes.tofile(tmp_path / "classes.bin")
        targets = keras.utils.to_categorical(classes, outputs)
    else:
        if config["loss"] == "sigmoid":
            values = (values > 0).astype(np.float32)
        values.tofile(tmp_path / "values.bin")
        targets = values
    if weighted:
        weights.tofile(tmp_path / "weights.bin")
    (tmp_path / "config.json").write_text(json.dumps(config))
    done = subprocess.run(
        [program.default_path().with_name("mlp_steps"), tmp_path], capture_output=True, text=True, check=True
    )
    losses = np.array(done.stdout.split(), dtype=float)
    before, after = (weight_arrays(tmp_path / name, outputs, embeddings) for name in ("before.bin", "after.bin"))

    model = keras_model(config)
    model.set_weights(before)
    model.compile(optimizer=keras_optimizer(config), loss=keras_loss(config))
    history = model.fit(
        x, targets, sample_weight=weights if weighted else None, batch_size=BATCH, epochs=1, shuffle=False, verbose=0
    )
    # Steps that change nothing would agree, too.
    assert losses[-20:].mean() < 0.97 * losses[:20].mean()
    if not weighted:  # Keras's mean is by weight there
        assert losses.mean() == pytest.approx(history.history["loss"][0], rel=1e-4)
    return before, after, model.get_weights(), x, classes, config


def distances(ours: list[np.ndarray], theirs: list[np.ndarray]) -> list[float]:
    """Of each array, the largest difference in parts of the largest weight."""
    return [float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(ours, theirs, strict=True)]


def check(*arguments, **changes):
    _, after, keras_after, *_ = run_both(*arguments, **changes)
    assert max(distances(after, keras_after)) < TOLERANCE


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def normal_cdf(z):
    return (1 + np.vectorize(math.erf)(z / np.sqrt(2))) / 2


def logistic(z):
    return 1 / (1 + np.exp(-z))


# f(z) and its slope, from the formulas in the papers.
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (logistic, lambda z: logistic(z) * logistic(-z)),
    "gelu": (
        lambda z: z * normal_cdf(z),
        lambda z: normal_cdf(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "selu": (
        lambda z: SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(z)),
        lambda z: SELU_SCALE * np.where(z > 0, 1, SELU_ALPHA * np.exp(z)),
    ),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda z: np.where(z > 0, 1, np.exp(z))),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.2 * z), lambda z: np.where(z > 0, 1, 0.2)),
    "silu": (lambda z: z * logistic(z), lambda z: logistic(z) * (1 + z * logistic(-z))),
}


def in_double_precision(weights, x, classes, config):
    """The same steps of Adam on softmax with cross-entropy, in float64."""
    f, slope = ACTIVATIONS[config["activation"]]
    weights = [w.astype(np.float64) for w in weights]
    m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
    layers = len(weights) // 2
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        inputs, sums = [x[rows].astype(np.float64)], []
        for layer in range(layers):
            sums.append(inputs[-1] @ weights[2 * layer] + weights[2 * layer + 1])
            inputs.append(f(sums[-1]))
        probabilities = np.exp(sums[-1] - sums[-1].max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        d = (probabilities - np.eye(config["outputs"])[classes[rows]]) / BATCH
        gradients = [None] * len(weights)
        for layer in reversed(range(layers)):
            gradients[2 * layer], gradients[2 * layer + 1] = inputs[layer].T @ d, d.sum(axis=0)
            if layer > 0:
                d = (d @ weights[2 * layer].T) * slope(sums[layer - 1])
        b1, b2, t = config["beta_1"], config["beta_2"], step + 1
        alpha = config["learning_rate"] * np.sqrt(1 - b2**t) / (1 - b1**t)
        for i, g in enumerate(gradients):
            m[i] += (g - m[i]) * (1 - b1)
            v[i] += (g**2 - v[i]) * (1 - b2)
            weights[i] -= alpha * m[i] / (np.sqrt(v[i]) + config["epsilon"])
    return weights


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation(tmp_path, activation):
    before, after, keras_after, x, classes, config = run_both(tmp_path, activation=activation)
    exact = in_double_precision(before, x, classes, config)
    assert max(distances(after, exact)) < TOLERANCE / 10
    # At a kink one rounding of Keras's may put a unit on the other side; then the exact steps alone can judge.
    for apart, keras_apart in zip(distances(after, keras_after), distances(keras_after, exact), strict=True):
        assert apart < TOLERANCE or keras_apart > TOLERANCE


@pytest.mark.parametrize(
    "loss",
    [
        {"loss": "softmax", "label_smoothing": 0.1},
        {"loss": "sigmoid"},
        {"loss": "sigmoid", "label_smoothing": 0.1},
        {"loss": "sigmoid", "outputs": 1},
        {"loss": "mean_squared_error"},
        {"loss": "mean_squared_error", "outputs": 1},
        {"loss": "mean_absolute_error"},
        {"loss": "huber", "huber_delta": 0.3},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_loss(tmp_path, loss, weighted):
    # A smooth activation, so that a rounding does not become the other side of a kink.
    check(tmp_path, weighted=weighted, activation="tanh", **loss)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"optimizer": "adam", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adam", "global_clipnorm": 0.2},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9},
        {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        {"optimizer": "sgd", "learning_rate": 0.2, "global_clipnorm": 0.3},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_optimizer(tmp_path, optimizer):
    check(tmp_path, **optimizer)


EMBEDDINGS = [[3, 2], [500, 8], [40, 5]]


@pytest.mark.parametrize(
    "optimizer",
    [
        {"optimizer": "adam"},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adam", "global_clipnorm": 0.2},
        {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9},
        {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.01},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
@pytest.mark.parametrize("loss", ["softmax", "mean_squared_error"])
def test_embeddings(tmp_path, optimizer, loss):
    before, after, keras_after, x, *_ = run_both(
        tmp_path, embeddings=EMBEDDINGS, activation="tanh", loss=loss, **optimizer
    )
    assert max(distances(after, keras_after)) < TOLERANCE
    assert min(distances(before[:3], after[:3])) > 100 * TOLERANCE

    # The file of the model in the end, as Keras reads it.
    model = keras.models.load_model(tmp_path / "model.h5")
    theirs = model.predict(x, verbose=0)
    ours = np.fromfile(tmp_path / "predictions.bin", dtype=np.float32).reshape(theirs.shape)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


def test_embeddings_of_weighted_rows(tmp_path):
    check(tmp_path, weighted=True, embeddings=EMBEDDINGS, activation="tanh", loss="mean_squared_error")


def test_embeddings_start_as_those_of_keras(tmp_path):
    config = {**DEFAULTS, "inputs": 2, "embeddings": [[500, 400], [500, 400]], "steps": 0, "num_threads": 1}
    np.zeros((1, 2), dtype=np.float32).tofile(tmp_path / "x.bin")
    (tmp_path / "config.json").write_text(json.dumps(config))
    subprocess.run([program.default_path().with_name("mlp_steps"), tmp_path], check=True)
    flat = np.fromfile(tmp_path / "before.bin", dtype=np.float32)
    ours = np.sort(flat[:200_000])
    embedding = keras.layers.Embedding(500, 400)
    embedding.build(None)
    theirs = np.sort(np.array(embedding.get_weights()).ravel())
    np.testing.assert_allclose(ours[500:-500:500], theirs[500:-500:500], rtol=0, atol=0.02 * theirs.std())
    assert np.abs(np.corrcoef(flat[:200_000], flat[200_000:400_000])[0, 1]) < 0.01


@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule": "cosine", "decay_steps": STEPS},
        {"schedule": "cosine", "decay_steps": 120, "alpha": 0.1},
        {"schedule": "cosine", "warmup_steps": 40, "decay_steps": 160, "alpha": 0.05},
        {"schedule": "step", "decay_steps": 60, "decay_rate": 0.3},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_schedule(tmp_path, schedule, optimizer):
    rate = 0.001 if optimizer == "adam" else 0.1
    check(tmp_path, optimizer=optimizer, learning_rate=rate, momentum=0.9 if optimizer == "sgd" else 0.0, **schedule)


@pytest.mark.parametrize(
    "name",
    [
        *(f"{kind}_{shape}" for kind in ("glorot", "he", "lecun", "random") for shape in ("uniform", "normal")),
        "truncated_normal",
    ],
)
def test_initializer(tmp_path, name):
    """Start values are drawn from the distribution that Keras draws from."""
    config = {**DEFAULTS, "kernel_initializer": name, "steps": 0}
    np.zeros((1, INPUTS), dtype=np.float32).tofile(tmp_path / "x.bin")
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden": [400, 400], "num_threads": 1}))
    subprocess.run([program.default_path().with_name("mlp_steps"), tmp_path], check=True)
    flat = np.fromfile(tmp_path / "before.bin", dtype=np.float32)
    first = INPUTS * 400 + 400
    ours = np.sort(flat[first : first + 400 * 400])
    theirs = np.sort(np.array(keras.initializers.get(name)(shape=(400, 400))).ravel())
    # Two samples of 160,000: their quantiles agree within a few of their standard errors.
    np.testing.assert_allclose(ours[500:-500:500], theirs[500:-500:500], rtol=0, atol=0.06 * theirs.std())
    assert np.all(flat[first + 400 * 400 : first + 400 * 401] == 0)
