"""What the tests of both SDKs share: their environment, the image, and small data in the layout of mnist.npz."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in (ROOT / "test", ROOT / "test/sdk", ROOT / "examples"):
    sys.path.insert(0, str(folder))

# The caller's own settings lead elsewhere.
for name in list(os.environ):
    if name.startswith(("AWS_", "SAGEMAKER_", "MLFLOW_")) or name in ("MLP_IMAGE", "MODEL_DATA"):
        del os.environ[name]

# The SDKs read these when they are imported. No account stands behind them, and no telemetry is sent.
_settings = tempfile.NamedTemporaryFile("w", prefix="mlp-sdk-", suffix=".json")
json.dump({"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}, _settings)
_settings.flush()
os.chmod(_settings.name, 0o644)  # some tests are another user's
os.environ.update(
    AWS_ACCESS_KEY_ID="x",
    AWS_SECRET_ACCESS_KEY="y",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    SAGEMAKER_SUPPRESS_V2_WARNING="1",
    SAGEMAKER_USER_CONFIG_OVERRIDE=_settings.name,
    SAGEMAKER_ADMIN_CONFIG_OVERRIDE=_settings.name,
)

MNIST = pathlib.Path(os.environ.get("MLP_MNIST", ROOT / "../shared/data/mnist/mnist.npz"))

# Notes what a job finds, where it is delivered with the job's output, and then is the image that it was made from.
PROBE = """#!/bin/sh
mkdir /opt/ml/output/probe && cd /opt/ml/output/probe
cp /opt/ml/input/config/* .
ls -A /opt/ml/model >model
stat -c %u /opt/ml/model >owner
ls -A /opt/ml/input/data >channels 2>/dev/null || echo absent >channels
hostname >hostname
echo "$TERM" >terminal
[ -z "$EXIT_CODE" ] || exit "$EXIT_CODE"
exec {program} "$@"
"""


@pytest.fixture(scope="session")
def image() -> str:
    name = os.environ.get("IMAGE", "sagemaker-mlp:dev")
    found = subprocess.run(["docker", "image", "inspect", name], capture_output=True, text=True)
    if found.returncode != 0:
        pytest.fail(f"There is no image {name}: {found.stderr.strip()}. Make it by 'make image', or set IMAGE.")
    return name


@pytest.fixture(scope="session")
def probe_image(image, tmp_path_factory):
    """Of both SDKs' local modes: it keeps what it is given."""
    from local_containers import docker

    entrypoint = json.loads(docker("image", "inspect", "--format", "{{json .Config.Entrypoint}}", image))
    script = tmp_path_factory.mktemp("probe") / "probe"
    script.write_text(PROBE.format(program=" ".join(entrypoint)))
    script.chmod(0o755)
    name = f"mlp-probe:{os.getpid()}"
    container = docker("create", image).strip()
    try:
        docker("cp", script, f"{container}:/usr/local/bin/probe")
        docker("commit", "--change", 'ENTRYPOINT ["/usr/local/bin/probe"]', container, name)
    finally:
        docker("rm", container)
    yield name
    docker("image", "rm", name)


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> pathlib.Path:
    """A folder with an mnist.npz of 2,000 training and 500 test pictures: real ones, or bars where there are none."""
    folder = tmp_path_factory.mktemp("digits")
    if MNIST.is_file():
        with np.load(MNIST) as arrays:
            parts = {name: arrays[name][: 2000 if "train" in name else 500] for name in arrays.files}
    else:
        parts = {}
        for name, rows in (("train", 2000), ("test", 500)):
            random = np.random.default_rng(rows)
            classes = random.integers(10, size=rows).astype(np.uint8)
            pictures = random.integers(0, 100, size=(rows, 28, 28))
            for picture, kind in zip(pictures, classes):
                picture[:, 2 * kind + 4 : 2 * kind + 6] += 150
            parts |= {f"x_{name}": pictures.astype(np.uint8), f"y_{name}": classes}
    np.savez_compressed(folder / "mnist.npz", **parts)
    return folder


@pytest.fixture(scope="session", autouse=True)
def network():
    """What the SDKs leave of a network goes when all is done, unless somebody else's job is on it."""
    from local_containers import NETWORK, docker

    yield
    docker("network", "rm", NETWORK, check=False)


@pytest.fixture(scope="module")
def ecr_image(image):
    """The image by a name as ECR gives, which is on this machine for whoever has pushed it."""
    name = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-mlp:test-{os.getpid()}"
    subprocess.run(["docker", "tag", image, name], check=True)
    yield name
    subprocess.run(["docker", "rmi", name], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def metric_definitions(image) -> list[dict]:
    from mlp_image import describe

    return describe(image, task="classification")["metric_definitions"]


@pytest.fixture(scope="module")
def pictures(digits) -> dict[str, np.ndarray]:
    """Few, since a tuning job learns them up to 200 times."""
    with np.load(digits / "mnist.npz") as arrays:
        return {name: arrays[name][:300] for name in arrays.files}


@pytest.fixture(scope="module")
def examples(image, ecr_image, pictures, tmp_path_factory):
    from managed_examples import ROLE, Examples
    from sagemaker_service import Account

    folder, workspace = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("account")
    (folder / "data").mkdir()
    np.savez(folder / "data/mnist.npz", **pictures)
    with pytest.MonkeyPatch.context() as patch, Account(image=image, workspace=workspace) as account:
        assert account.role() == ROLE
        patch.chdir(folder)
        patch.setenv("MLP_IMAGE", ecr_image)
        patch.setenv("SAGEMAKER_ROLE", ROLE)
        yield Examples(account)
