"""Endpoints and batch jobs of LocalSession, for real, against Keras on the same model."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras_oracle
import numpy as np
import pytest
from local_containers import Containers, containers_below, files, free_port
from local_trainer import local_session
from sagemaker.core.transformer import Transformer

LIMIT_SECONDS = 150  # an endpoint that is not deleted keeps its process waiting
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def create_model(session, image: str, folder: Path, **environment):
    container = {"Image": image, "ModelDataUrl": f"file://{folder}", "Environment": environment}
    session.sagemaker_client.create_model(ModelName="mlp", PrimaryContainer=container)


@pytest.fixture(scope="module")
def rows(test_rows):
    return (test_rows[:50] / 255).astype(np.float32)


@pytest.fixture(scope="module")
def expected(trained, rows):
    return keras_oracle.predict(trained.model_archive, rows)


@pytest.fixture(scope="module")
def endpoint(image, trained, tmp_path_factory):
    """Below Docker's init, over the folder with both of a job's archives, which the SDK unpacks in place."""
    with containers_below(tmp_path_factory.mktemp("endpoint"), image) as containers:
        model = containers.root / "model"
        model.mkdir()
        for archive in (trained.model_archive, trained.output_archive):
            shutil.copy(archive, model)
        session = local_session(containers.root, init=True)
        create_model(session, image, model)
        client = session.sagemaker_client
        variant = {"VariantName": "all", "ModelName": "mlp", "InitialInstanceCount": 1, "InstanceType": "local"}
        client.create_endpoint_config(EndpointConfigName="mlp", ProductionVariants=[variant])
        client.create_endpoint(EndpointName="mlp", EndpointConfigName="mlp")
        try:
            yield session.sagemaker_runtime_client, containers
        finally:
            client.delete_endpoint(EndpointName="mlp")
        assert containers.running() == []


def invoke(endpoint, body, content_type: str, accept: str):
    response = endpoint[0].invoke_endpoint(Body=body, EndpointName="mlp", ContentType=content_type, Accept=accept)
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Body"].read()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def csv(array: np.ndarray) -> str:
    return "".join(",".join(map(repr, row)) + "\n" for row in array.reshape(len(array), -1).tolist())


WRITERS = {
    "application/json": lambda rows: json.dumps(rows.tolist()),
    "application/jsonlines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows.tolist()),
    "text/csv": csv,
    "application/x-npy": npy,
}
READERS = {
    "application/json": lambda body: json.loads(body)["predictions"],
    "application/jsonlines": lambda body: [json.loads(line)["predictions"] for line in body.splitlines()],
    "text/csv": lambda body: np.loadtxt(body.decode().splitlines(), delimiter=","),
    "application/x-npy": lambda body: np.load(io.BytesIO(body)),
}


@pytest.mark.parametrize("accept", READERS)
@pytest.mark.parametrize("content_type", WRITERS)
def test_predictions_equal_keras(endpoint, rows, expected, content_type, accept):
    status, body = invoke(endpoint, WRITERS[content_type](rows), content_type, accept)
    assert status == 200
    np.testing.assert_allclose(READERS[accept](body), expected, atol=keras_oracle.TOLERANCE)


@pytest.mark.parametrize(
    "body, content_type, accept, status",
    [
        ("[[1, 2]]", "application/json", "application/json", 400),
        ("no json", "application/json", "application/json", 400),
        ("1", "application/xml", "application/json", 415),
        (json.dumps([0] * 784), "application/json", "application/xml", 406),
    ],
)
def test_a_refusal_tells_why(endpoint, body, content_type, accept, status):
    """LocalSession raises nothing: the status is in the response, and the body says what is wrong."""
    found, answer = invoke(endpoint, body, content_type, accept)
    assert found == status
    assert json.loads(answer)["error"]


def test_container(endpoint):
    _, containers = endpoint
    container = containers.newest()
    assert container["Config"]["Cmd"] == ["serve"] and container["Config"]["Tty"]
    assert container["HostConfig"]["Init"]
    (mount,) = container["Mounts"]
    assert mount["Destination"] == "/opt/ml/model" and mount["RW"]
    found = {path.name for path in Path(mount["Source"]).iterdir()}
    assert found == {"model.h5", "model.tar.gz", "output.tar.gz", "data"}
    assert "AWS_REGION" not in containers.environment()


def test_batch(image, trained, tmp_path, rows, expected):
    """By the default strategy, which the image leaves alone. Without Accept, lines are answered by lines."""
    with containers_below(tmp_path / "batch", image) as containers:
        root = containers.root
        (root / "input").mkdir()
        (root / "input/rows.jsonl").write_text(WRITERS["application/jsonlines"](rows))
        (root / "input/none.jsonl").write_text("")
        session = local_session(root)
        create_model(session, image, trained.model_archive)
        transformer = Transformer(
            model_name="mlp",
            instance_count=1,
            instance_type="local",
            output_path=f"file://{root}/output",
            base_transform_job_name="mlp",
            sagemaker_session=session,
        )
        transformer.transform(f"file://{root}/input", content_type="application/jsonlines", split_type="Line")

        answers = (root / "output/rows.jsonl.out").read_bytes()
        assert answers.endswith(b"\n")
        found = READERS["application/jsonlines"](answers)
        np.testing.assert_allclose(found, expected, atol=keras_oracle.TOLERANCE)
        assert (root / "output/none.jsonl.out").read_bytes() == b""
        assert containers.environment()["SAGEMAKER_BATCH"] == "True"
        assert session.sagemaker_client.describe_transform_job(
            transformer.latest_transform_job.transform_job_name
        )["BatchStrategy"] == "MultiRecord"


def test_example(image, digits, tmp_path):
    """examples/local_v3.py, as it is; a user's configuration file gives it a free port and a folder."""
    with containers_below(tmp_path / "home", image) as containers:
        home = containers.root
        shutil.copytree(digits, home / "data")
        (home / "containers").mkdir()
        (home / ".sagemaker").mkdir()
        settings = {"local": {"serving_port": free_port(), "container_root": str(home / "containers")}}
        (home / ".sagemaker/config.yaml").write_text(json.dumps(settings))
        run = subprocess.run(
            [sys.executable, EXAMPLES / "local_v3.py"],
            cwd=home, env=os.environ | {"HOME": str(home), "MLP_IMAGE": image}, timeout=LIMIT_SECONDS,
            capture_output=True, text=True,
        )
        assert run.returncode == 0, run.stderr

        output = home / "output/local_v3"
        archive = output / "compressed_artifacts/model.tar.gz"
        assert set(files(archive)) == {"model.h5"}
        assert str(archive) in run.stdout
        with np.load(digits / "mnist.npz") as arrays:
            x, y = arrays["x_test"] / 255, arrays["y_test"]
        expected = keras_oracle.predict(archive, x)
        found = np.loadtxt(output / "transformed/rows.csv.out", delimiter=",")
        # The example writes pixels with six digits.
        np.testing.assert_allclose(found, expected, atol=1e-4)
        predicted, accuracy = np.argmax(found, axis=1), np.mean(np.argmax(found, axis=1) == y)
        assert f"Predicted: {predicted[:20]}" in run.stdout
        assert f"Accuracy of the batch: {accuracy}" in run.stdout and accuracy > 0.8
        assert len(Containers(home).ids()) == 3  # of the job, the endpoint and the batch
