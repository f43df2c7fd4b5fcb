"""200 steps from the same weights on the same batches end where Keras's end.

Every activation, loss, optimizer and schedule, and embeddings, in float32, without dropout. Steps in bfloat16, with
dropout, end where steps in float64 end whose products have operands rounded to bfloat16. The model is the project's own
step (the program mlp_steps of this folder), without the loop, the data and the scaling around it.
"""

import json
import math
import os
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
# Of the length of an array's change in five steps; float32 and its sums explain a tenth of it.
BFLOAT16_TOLERANCE = 1e-4

DEFAULTS = {
    "inputs": INPUTS,
    "hidden": HIDDEN,
    "outputs": 4,
    "embeddings": [],
    "drop_rate": 0.0,
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
    "precision": "float32",
    "seed": 0,
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


def weight_arrays(path, config: dict) -> list[np.ndarray]:
    flat = np.fromfile(path, dtype=np.float32)
    embeddings = config["embeddings"]
    widths = [INPUTS + sum(width for _, width in embeddings), *config["hidden"], config["outputs"]]
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
    before, after = (weight_arrays(tmp_path / name, config) for name in ("before.bin", "after.bin"))

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


def as_bfloat16(values):
    """The nearest bfloat16 of each float32 value, of two the even one, as float64."""
    bits = np.asarray(values, dtype=np.float32).view(np.uint32)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(np.float64)


def philox(counter, key):
    """Philox4x32-10 of Salmon et al. 2011, of arrays of counters: four words of each."""
    c, (key0, key1) = [np.asarray(part, dtype=np.uint64) for part in np.broadcast_arrays(*counter)], key
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        low = np.uint64(0xFFFFFFFF)
        c = [b >> 32 ^ c[1] ^ np.uint64(key0), b & low, a >> 32 ^ c[3] ^ np.uint64(key1), a & low]
        key0, key1 = (key0 + 0x9E3779B9) % 2**32, (key1 + 0xBB67AE85) % 2**32
    return c


def kept(config, step, layer, rows, units):
    """What dropout multiplies a hidden layer's outputs [rows, units] by."""
    if config["drop_rate"] == 0:
        return 1.0
    counter = (np.arange(units), np.arange((rows + 3) // 4)[:, None], layer, step)
    words = philox(counter, divmod(config["seed"], 2**32)[::-1])
    words = np.stack(words, axis=1).reshape(-1, units)[:rows]
    return (words >> 8 >= round(config["drop_rate"] * 2**24)) / (1 - config["drop_rate"])


def in_double_precision(weights, x, classes, config):
    """The same steps on softmax with cross-entropy, in float64; in bfloat16, operands of products are rounded to it."""
    rounded = as_bfloat16 if config["precision"] == "bfloat16" else lambda values: values
    f, slope = ACTIVATIONS[config["activation"]]
    weights = [w.astype(np.float64) for w in weights]
    m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
    tables = len(config["embeddings"])
    layers = (len(weights) - tables) // 2
    batch = config["batch_size"]
    for step in range(config["steps"]):
        rows = slice(step * batch, (step + 1) * batch)
        numbers = x[rows, INPUTS:].astype(int).T
        found = [table[n] for table, n in zip(weights, numbers)]
        inputs, slopes = [rounded(np.column_stack([x[rows, :INPUTS].astype(np.float64), *found]))], []
        for layer in range(layers):
            sums = inputs[-1] @ rounded(weights[tables + 2 * layer]) + weights[tables + 2 * layer + 1]
            if layer + 1 < layers:
                mask = kept(config, step, layer, *sums.shape)
                inputs.append(rounded(f(sums) * mask))
                # The slope of relu with dropout is 0 or one number, which stays exact.
                slopes.append((rounded if config["activation"] != "relu" else np.asarray)(slope(sums) * mask))
        probabilities = np.exp(sums - sums.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        d = (probabilities - np.eye(config["outputs"])[classes[rows]]) / batch
        gradients = [np.zeros_like(w) for w in weights]
        for layer in reversed(range(layers)):
            at = tables + 2 * layer
            gradients[at], gradients[at + 1] = inputs[layer].T @ rounded(d), d.sum(axis=0)
            below = rounded(d) @ rounded(weights[at]).T
            if layer > 0:
                d = below * slopes[layer - 1]
        first = INPUTS
        for gradient, n in zip(gradients, numbers):
            np.add.at(gradient, n, below[:, first : first + gradient.shape[1]])
            first += gradient.shape[1]
        if config["global_clipnorm"]:
            norm = np.sqrt(sum((g**2).sum() for g in gradients))
            gradients = [g * min(1, config["global_clipnorm"] / norm) for g in gradients]
        if config["optimizer"] == "sgd":
            weights = [w - config["learning_rate"] * g for w, g in zip(weights, gradients, strict=True)]
            continue
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


def test_philox_is_that_of_random123():
    """Its known answers."""
    zero, pi = (0, 0, 0, 0), (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    assert [int(word) for word in philox(zero, (0, 0))] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    words = philox(pi, (0xA4093822, 0x299F31D0))
    assert [int(word) for word in words] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def test_as_bfloat16_rounds_to_nearest_and_even():
    values = [1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -1 - 2**-8 - 2**-20, 0, 2**-100 * 1.75, 255.9]
    nearest = [1, 1, 1 + 2**-6, 1 + 2**-7, -1 - 2**-7, 0, 2**-100 * 1.75, 256]
    assert as_bfloat16(values).tolist() == nearest


@pytest.mark.parametrize("kernels", ["amx", "avx512_bf16"])
@pytest.mark.parametrize(
    "optimizer",
    [{"optimizer": "sgd", "learning_rate": 0.1}, {"optimizer": "adam"}],
    ids=lambda changes: changes["optimizer"],
)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"drop_rate": 0.2, "seed": 2**40 + 7},
        {"activation": "tanh", "drop_rate": 0.4},
        {"activation": "gelu"},
        {"global_clipnorm": 0.2},
        {"activation": "tanh", "embeddings": [[3, 2], [500, 8], [40, 5]]},
        # Two shards, and widths of several tiles that they do not fill.
        {"hidden": [300, 72], "batch_size": 100, "drop_rate": 0.2},
    ],
    ids=lambda changes: "-".join(changes) or "plain",
)
def test_bfloat16(tmp_path, changes, optimizer, kernels):
    """Few steps: a sum at the edge between two bfloat16 goes to another side in float32 than in float64 now and then,
    and from there on steps part. Judged by the lengths of what the steps changed, which roundings are a small part of.
    """
    sets = program.bfloat16_kernels()
    if kernels not in sets:
        pytest.skip(f"This CPU has no {kernels}.")
    config = {**DEFAULTS, "precision": "bfloat16", "steps": 5, **optimizer, **changes}
    config["inputs"] += len(config["embeddings"])
    x, classes, _, _ = made_rows(config["outputs"], config["embeddings"])
    x.tofile(tmp_path / "x.bin")
    classes.tofile(tmp_path / "classes.bin")
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [program.default_path().with_name("mlp_steps"), tmp_path]
    subprocess.run(command, env=os.environ | sets[kernels], check=True)
    before, after = (weight_arrays(tmp_path / name, config) for name in ("before.bin", "after.bin"))

    def apart(precision: str) -> list[float]:
        expected = in_double_precision(before, x, classes, config | {"precision": precision})
        parts = zip(after, expected, before, strict=True)
        return [float(np.linalg.norm(a - b) / np.linalg.norm(b - start)) for a, b, start in parts]

    assert max(apart("bfloat16")) < BFLOAT16_TOLERANCE
    # Steps in float32 would fail.
    assert min(apart("float32")) > BFLOAT16_TOLERANCE


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
