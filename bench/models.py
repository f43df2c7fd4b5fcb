"""The two models that are served, trained by mlp, and the bodies of requests to them."""

import argparse
import dataclasses
import io
import json
import os
import pathlib
import subprocess

import h5py
import numpy as np
import onnx

import page

FEATURES = 30
SEED = 0


def program_path() -> pathlib.Path:
    return pathlib.Path(os.environ.get("MLP_PROGRAM", page.ROOT / "build/release/bin/mlp")).resolve()


def mnist_path() -> pathlib.Path:
    return pathlib.Path(os.environ.get("MLP_MNIST", page.ROOT / "../shared/data/mnist/mnist.npz")).resolve()


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, with what every script takes; ends where a file is missing."""
    parser.add_argument("--write", type=pathlib.Path, help="the page to write the section of")
    parser.add_argument("--program", type=pathlib.Path, default=program_path())
    options = parser.parse_args()
    for path in (mnist_path(), options.program):
        if not path.exists():
            parser.error(f"there is no {path}")
    return options


def version(program: pathlib.Path) -> str:
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()


@dataclasses.dataclass
class Body:
    name: str  # as in the tables
    content_type: str  # of the request, and of the answer that is asked for
    data: bytes


@dataclasses.dataclass
class Model:
    name: str
    model_dir: pathlib.Path
    rows: np.ndarray  # float64 [rows, ...shape], as a client has them

    @property
    def onnx(self) -> pathlib.Path:
        return self.model_dir.with_suffix(".onnx")

    def bodies(self, count: int) -> list[Body]:
        """The first `count` rows as JSON, CSV and npy."""
        rows = self.rows[:count]
        npy = io.BytesIO()
        np.save(npy, rows.astype(np.float32))
        return [
            Body("JSON", "application/json", json.dumps({"instances": rows.tolist()}).encode()),
            Body("CSV", "text/csv", csv(rows)),
            Body("npy", "application/x-npy", npy.getvalue()),
        ]


def csv(rows: np.ndarray) -> bytes:
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.reshape(len(rows), -1).tolist()).encode()


def values(body: bytes, content_type: str) -> np.ndarray:
    """The predictions of an answer."""
    if content_type == "application/json":
        return np.array(json.loads(body)["predictions"])
    if content_type == "text/csv":
        return np.loadtxt(io.BytesIO(body), delimiter=",", ndmin=2)
    return np.load(io.BytesIO(body), allow_pickle=False)


def train(program: pathlib.Path, folder: pathlib.Path, *arguments):
    command = [program, "train", "--model_dir", folder / "model", "--output_dir", folder / "output", *arguments]
    environment = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": "/does/not/exist"}
    subprocess.run(command, check=True, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def mnist(program: pathlib.Path, folder: pathlib.Path) -> Model:
    """The network of "make demo"; clients send pixels as value / 255."""
    (folder / "data").mkdir(parents=True)
    (folder / "data/mnist.npz").symlink_to(mnist_path())
    train(program, folder, "--train", folder / "data", "--epochs", "5", "--learning_rate", "0.001")
    with np.load(mnist_path()) as arrays:
        return Model("MNIST", folder / "model", arrays["x_test"] / 255)


def features30(program: pathlib.Path, folder: pathlib.Path) -> Model:
    """Made-up measurements of four digits and a class that depends on some of them, as a CSV file."""
    draw = np.random.default_rng(SEED)
    scales = 10.0 ** draw.uniform(-2, 3, FEATURES)
    rows = np.array([[float(f"{value:.4g}") for value in row] for row in draw.lognormal(0, 0.3, (2000, FEATURES)) * scales])
    labels = np.where((rows / scales)[:, :5].sum(axis=1) > 5.2, "malignant", "benign")
    folder.mkdir(parents=True)
    header = ",".join([*(f"feature_{i + 1}" for i in range(FEATURES)), "diagnosis"])
    lines = [f"{','.join(map(repr, row))},{label}" for row, label in zip(rows.tolist(), labels, strict=True)]
    (folder / "train.csv").write_text("\n".join([header, *lines]) + "\n")
    train(program, folder, "--train", folder / "train.csv", "--target", "diagnosis", "--epochs", "5")
    return Model("30 features", folder / "model", rows)


def export_onnx(model: Model):
    """Writes the network of model.h5 (docs/artifact.md) as ONNX: the standardisation, if it has one, relu, softmax."""
    with h5py.File(model.model_dir / "model.h5") as file:
        metadata = json.loads(file["mlp/metadata"][()])
        weights = file["model_weights"]

        def read(layer, name):
            return weights[f"{layer}/sequential/{layer}/{name}"][()]

        layers = [(read(f"dense_{i + 1}", "kernel"), read(f"dense_{i + 1}", "bias")) for i in range(metadata["dense_layers"])]
        steps = []
        if metadata["normalized"]:
            steps += [("Sub", read("normalization", "mean")), ("Div", np.sqrt(read("normalization", "variance")))]
    for i, (kernel, bias) in enumerate(layers):
        steps += [("MatMul", kernel), ("Add", bias), ("Relu" if i + 1 < len(layers) else "Softmax", None)]

    nodes, constants, last = [], [], "rows"
    for i, (operation, constant) in enumerate(steps):
        inputs = [last]
        if constant is not None:
            constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(constant, np.float32), f"constant_{i}"))
            inputs.append(f"constant_{i}")
        last = f"value_{i}" if i + 1 < len(steps) else "predictions"
        nodes.append(onnx.helper.make_node(operation, inputs, [last]))

    def tensor(name, width):
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", width])

    width, outputs = layers[0][0].shape[0], layers[-1][0].shape[1]
    graph = onnx.helper.make_graph(nodes, "mlp", [tensor("rows", width)], [tensor("predictions", outputs)], constants)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    model.onnx.write_bytes(made.SerializeToString())


def make_all(program: pathlib.Path, folder: pathlib.Path) -> list[Model]:
    made = [mnist(program, folder / "mnist"), features30(program, folder / "features30")]
    for model in made:
        export_onnx(model)
    return made
