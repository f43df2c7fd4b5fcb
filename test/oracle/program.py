"""Runs mlp as a user does: its own process, a temporary folder, nothing of SageMaker's around it."""

import csv
import dataclasses
import json
import os
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Longer than any job of these tests takes on a busy machine; a hang ends here.
TIMEOUT_SECONDS = 600


def default_path() -> pathlib.Path:
    return pathlib.Path(os.environ.get("MLP_PROGRAM", ROOT / "build/release/bin/mlp")).resolve()


def mnist_path() -> pathlib.Path:
    return pathlib.Path(os.environ.get("MLP_MNIST", ROOT / "../shared/data/mnist/mnist.npz")).resolve()


def bfloat16_kernels() -> dict[str, dict[str, str]]:
    """The sets of bfloat16 kernels that this CPU has, each with the environment that a program takes it in."""
    try:
        cpu = pathlib.Path("/proc/cpuinfo").read_text().split()
    except OSError:
        cpu = []
    sets = {"amx": ("amx_bf16", {}), "avx512_bf16": ("avx512_bf16", {"MLP_MAX_CPU_ISA": "avx512_bf16"})}
    return {name: environment for name, (flag, environment) in sets.items() if flag in cpu}


@dataclasses.dataclass
class Trained:
    model_dir: pathlib.Path
    output_dir: pathlib.Path
    stdout: str

    @property
    def model(self) -> pathlib.Path:
        return self.model_dir / "model.h5"

    def history(self) -> dict[str, np.ndarray]:
        """history.csv by column."""
        with open(self.output_dir / "history.csv", newline="") as file:
            names, *rows = csv.reader(file)
        return dict(zip(names, np.array(rows, dtype=float).T, strict=True))

    def metrics(self, rows: str) -> dict:
        """metrics.json, of the "training", "validation" or "test" rows."""
        return json.loads((self.output_dir / "metrics.json").read_text())[rows]

    def predictions(self) -> tuple[list[str], list[str]]:
        """Truth and prediction of prediction.csv, as text."""
        with open(self.output_dir / "prediction.csv", newline="") as file:
            rows = list(csv.reader(file))
        assert all(len(row) == 2 for row in rows)
        return [row[0] for row in rows], [row[1] for row in rows]


@dataclasses.dataclass
class Predictions:
    header: list[str]
    labels: list[str]  # of a classification
    values: np.ndarray  # its probabilities [rows, labels], or a regression's values [rows, 1]
    text: str


class Mlp:
    def __init__(self, path: pathlib.Path, environment: dict[str, str] = {}):
        self.path = path
        self.environment = environment  # over what it has anyway

    def run(self, *arguments, expected_exit: int = 0, cwd=None) -> subprocess.CompletedProcess:
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        environment["SAGEMAKER_BASE_DIR"] = "/does/not/exist"
        environment |= self.environment
        done = subprocess.run(
            [self.path, *map(str, arguments)],
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == expected_exit, (
            f"exit {done.returncode} of {done.args}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def train(self, folder: pathlib.Path, train: pathlib.Path, **flags) -> Trained:
        """Trains on the folder `train`; the results and the working directory are below `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        model_dir, output_dir = folder / "model", folder / "output"
        settings = {"train": train, "model_dir": model_dir, "output_dir": output_dir, **flags}
        arguments = [text for name, value in settings.items() for text in (f"--{name}", value)]
        done = self.run("train", *arguments, cwd=folder)
        return Trained(model_dir, output_dir, done.stdout)

    def predict_text(self, model_dir: pathlib.Path, rows: pathlib.Path) -> str:
        output = rows.with_name(rows.name + ".predictions.csv")
        self.run("predict", "--model_dir", model_dir, "--input", rows, "--output", output)
        return output.read_text()

    def predict(self, model_dir: pathlib.Path, rows: pathlib.Path) -> Predictions:
        text = self.predict_text(model_dir, rows)
        header, *lines = csv.reader(text.splitlines())
        if header == ["prediction"]:
            return Predictions(header, [], np.array(lines, dtype=float), text)
        labels = [line[0] for line in lines]
        return Predictions(header, labels, np.array([line[1:] for line in lines], dtype=float), text)
