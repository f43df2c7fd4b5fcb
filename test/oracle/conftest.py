"""The program under judgement, and the data that it is judged on."""

import os
import pathlib

# Before TensorFlow is imported anywhere: its start-up messages are no findings.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

import program


@pytest.fixture(scope="session")
def mlp():
    path = program.default_path()
    if not path.is_file():
        pytest.fail(f"There is no program at {path}. Build it by 'make build', or set MLP_PROGRAM.")
    return program.Mlp(path)


@pytest.fixture(scope="session")
def mnist() -> pathlib.Path:
    path = program.mnist_path()
    if not path.is_file():
        pytest.skip(f"MNIST is not at {path}.")
    return path


def blobs(rows: int, classes: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clouds around one centre per class: float64 features of unequal scale, classes 0, 1, ..."""
    random = np.random.default_rng(seed)
    # The centres are the same for every seed, so that two draws are of one problem.
    centres = np.random.default_rng(0).normal(size=(classes, width))
    y = random.integers(classes, size=rows)
    scale = 10.0 ** np.arange(-1, width - 1).clip(max=3)
    return (centres[y] + random.normal(size=(rows, width))) * scale + 5 * scale, y


def images(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """28 x 28 pixels of type uint8: noise, with a bright bar whose place is the class."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    x = random.integers(0, 140, size=(rows, 28, 28))
    for row, kind in enumerate(y):
        x[row, :, 2 * kind : 2 * kind + 2] += 60
    return x.astype(np.uint8), y.astype(np.uint8)


def write_csv(path: pathlib.Path, names: list[str], columns: list) -> pathlib.Path:
    """A CSV file with a header; numbers as the shortest text that gives them again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(names)]
    lines += [",".join(str(value) for value in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path
