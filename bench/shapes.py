"""The networks that training steps are timed of, and rows for them to learn."""

import dataclasses
import json
import pathlib

import numpy as np

SEED = 1
LEARNING_RATE = 0.001


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    batch_size: int
    drop_rate: float
    rows: int  # a multiple of batch_size
    steps_per_block: int  # that a peer which runs many steps in one call does at once
    checked_steps: int  # the first ones, of which all have to find the same mean loss

    @property
    def loss(self) -> str:
        return "sigmoid" if self.outputs == 1 else "softmax"

    @property
    def layers(self) -> str:
        return "-".join(map(str, (self.inputs, *self.hidden, self.outputs)))


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("a64", 784, (128,), 10, 64, 0.2, rows=59904, steps_per_block=936, checked_steps=936),
        Shape("a128", 784, (128,), 10, 128, 0.2, rows=59904, steps_per_block=468, checked_steps=468),
        Shape("b", 30, (64, 32), 1, 256, 0.0, rows=99840, steps_per_block=390, checked_steps=390),
        Shape("c", 100, (512, 256, 128), 10, 512, 0.1, rows=99840, steps_per_block=195, checked_steps=195),
        Shape("d", 784, (2048, 2048), 10, 1024, 0.2, rows=20480, steps_per_block=4, checked_steps=8),
        Shape("e", 1024, (4096, 4096), 1000, 2048, 0.2, rows=20480, steps_per_block=2, checked_steps=4),
    )
}


def write(shape: Shape, folder: pathlib.Path):
    """The files that bench/step.cc describes. The class follows from the features by a fixed rule, and rows are sorted by
    it: who pairs features with the targets of other rows learns nothing, and who doesn't shuffle sees one class a batch."""
    draw = np.random.default_rng(SEED)
    x = draw.standard_normal((shape.rows, shape.inputs), dtype=np.float32)
    sums = x @ draw.standard_normal((shape.inputs, shape.outputs), dtype=np.float32)
    classes = (sums[:, 0] > 0) if shape.outputs == 1 else sums.argmax(axis=1)
    order = np.argsort(classes, kind="stable")
    folder.mkdir(parents=True, exist_ok=True)
    x[order].tofile(folder / "x.bin")
    if shape.outputs == 1:
        classes[order].astype(np.float32).tofile(folder / "values.bin")
    else:
        classes[order].astype(np.int32).tofile(folder / "classes.bin")
    (folder / "config.json").write_text(json.dumps({**dataclasses.asdict(shape), "loss": shape.loss}))


def read(folder: pathlib.Path) -> tuple[Shape, np.ndarray, np.ndarray]:
    """The shape, its features [rows, inputs], and its targets: int32 [rows], or float32 where there is one output."""
    config = json.loads((folder / "config.json").read_text())
    config.pop("loss")
    shape = Shape(**{**config, "hidden": tuple(config["hidden"])})
    x = np.fromfile(folder / "x.bin", np.float32).reshape(shape.rows, shape.inputs)
    if shape.outputs == 1:
        return shape, x, np.fromfile(folder / "values.bin", np.float32)
    return shape, x, np.fromfile(folder / "classes.bin", np.int32)


def initial_weights(shape: Shape) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each layer, kernel [in, out] and bias, as mlp draws them: Glorot's uniform ones, and zeros."""
    draw = np.random.default_rng(SEED)
    widths = [shape.inputs, *shape.hidden, shape.outputs]

    def kernel(n_in, n_out):
        limit = (6 / (n_in + n_out)) ** 0.5
        return draw.uniform(-limit, limit, (n_in, n_out)).astype(np.float32)

    return [(kernel(n_in, n_out), np.zeros(n_out, np.float32)) for n_in, n_out in zip(widths, widths[1:])]


class Order:
    """Batches of row numbers: whole ones, from a permutation drawn anew for each pass over the rows."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self.draw = np.random.default_rng(SEED)
        self.batches = iter(())

    def next(self) -> np.ndarray:
        batch = next(self.batches, None)
        if batch is None:
            permutation = self.draw.permutation(self.shape.rows).astype(np.int32)
            self.batches = iter(permutation.reshape(-1, self.shape.batch_size))
            batch = next(self.batches)
        return batch

    def block(self, steps: int) -> np.ndarray:
        return np.stack([self.next() for _ in range(steps)])
