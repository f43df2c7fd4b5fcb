import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from local_containers import containers_below  # noqa: E402
from local_trainer import HYPERPARAMETERS, Job  # noqa: E402


@pytest.fixture
def root(image, tmp_path):
    """A folder for one job, without its containers and files afterwards."""
    with containers_below(tmp_path / f"{tmp_path.name}-job", image) as containers:
        yield containers.root


@pytest.fixture(scope="session")
def trained(image, digits, tmp_path_factory):
    """A job over `digits`, with all settings that local mode is known to pass by."""
    from sagemaker.core.training.configs import CheckpointConfig, MetricDefinition, Networking

    with containers_below(tmp_path_factory.mktemp("trained"), image) as containers:
        job = Job(
            image,
            containers.root,
            base_job_name="digits",
            hyperparameters=HYPERPARAMETERS,
            environment={"PRICE": "a$$b", "EMPTY": "", "QUOTES": 'say "hi" and \'bye\''},
            training_input_mode="FastFile",
            checkpoint_config=CheckpointConfig(s3_uri="s3://bucket/checkpoints"),
            networking=Networking(enable_network_isolation=True),
        )
        job.trainer.with_metric_definitions([MetricDefinition(name="loss", regex="loss: ([0-9.]+)")])
        yield job.run(training=digits)


@pytest.fixture(scope="session")
def test_rows(digits):
    import numpy as np

    with np.load(digits / "mnist.npz") as arrays:
        return arrays["x_test"]
