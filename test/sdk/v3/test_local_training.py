"""ModelTrainer's local container mode, for real. What the SDK prints is left alone: read files, and ask Docker."""

import concurrent.futures
import multiprocessing
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import boto3
import hyperparameter_table
import keras_oracle
import numpy as np
import pytest
import yaml
from local_containers import containers_below, docker, files
from local_trainer import HYPERPARAMETERS, Job
from moto import mock_aws
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import CheckpointConfig, InputData, S3DataSource

NOBODY = 65534
LIMIT_SECONDS = 300
OUTPUTS = {"data/evaluation.json", "data/history.csv", "data/metrics.json", "data/prediction.csv"}


def model_of(job: Job) -> bytes:
    found = files(job.model_archive)
    assert set(found) == {"model.h5"}
    return found["model.h5"]


def failing(job: Job, **channels) -> Job:
    with pytest.raises(RuntimeError, match="exited with code: 1"):
        job.run(**channels)
    return job


def test_archives(trained):
    assert model_of(trained)[:8] == b"\x89HDF\r\n\x1a\n"
    assert set(files(trained.output_archive)) == OUTPUTS


def test_predictions_equal_keras(trained, test_rows):
    lines = files(trained.output_archive)["data/prediction.csv"].decode().splitlines()
    predicted = [int(float(line.split(",")[1])) for line in lines]
    probabilities = keras_oracle.predict(trained.model_archive, test_rows / 255)
    top = np.sort(probabilities, axis=1)[:, -2:]
    clear = top[:, 1] - top[:, 0] > 2 * keras_oracle.TOLERANCE
    assert clear.mean() > 0.99
    assert np.array_equal(np.array(predicted)[clear], np.argmax(probabilities, axis=1)[clear])


def test_container(trained, image):
    """No argument, not even `train`; no terminal; and nothing in the environment but what is known."""
    service = yaml.safe_load((trained.root / "docker-compose.yaml").read_text())["services"]["algo-1"]
    assert set(service) == {"environment", "image", "networks", "volumes"}
    container = trained.containers.newest()
    assert container["Config"]["Image"] == image
    assert not container["Config"]["Tty"]
    assert list(container["NetworkSettings"]["Networks"]) == ["sagemaker-local"]  # isolated or not
    environment = trained.containers.environment()
    assert environment.pop("TRAINING_JOB_NAME").startswith("digits-")
    assert "/usr/bin" in environment.pop("PATH")
    assert environment == {"PRICE": "a$b", "EMPTY": "", "QUOTES": 'say "hi" and \'bye\''}


def test_root_afterwards(trained):
    """Nothing is left but results; no checkpoints were made."""
    found = {path.name for path in trained.root.iterdir()}
    assert found == {"artifacts", "compressed_artifacts", "docker-compose.yaml", "model", "output"}


def test_channel_that_is_one_file(probe_image, root, digits, trained):
    job = Job(probe_image, root, hyperparameters=HYPERPARAMETERS).run(training=digits / "mnist.npz")
    assert (noted(job, "channels"), noted(job, "terminal")) == ("training", "")  # no manifest, no terminal
    mounted = {mount["Destination"]: mount["Source"] for mount in job.containers.newest()["Mounts"]}
    assert Path(mounted["/opt/ml/input/data/training"]).is_file()
    assert model_of(job) == model_of(trained)


def test_one_file_of_a_given_content_type(image, root):
    """A file's name is lost where it is the channel, so that the content type alone says what it is."""
    table = hyperparameter_table.write_table(root / "data") / "animals.csv"
    odd_name = table.rename(table.with_name("animals.dat"))
    channel = InputData(channel_name="train", data_source=str(odd_name), content_type="text/csv")
    job = Job(image, root, hyperparameters={"epochs": 1, "target": "animal"}).run(train=channel)
    assert {"model.h5", "columns.json"} == set(files(job.model_archive))


def test_a_failed_job_and_its_configuration(image, root, digits, trained):
    """And the next job in the same root finds its left-overs, and is none the worse."""
    (root / "model").mkdir()
    (root / "model/notes.txt").write_text("of an earlier run")
    job = Job(
        image,
        root,
        hyperparameters={"epoch": 2},
        training_input_mode="Pipe",
        checkpoint_config=CheckpointConfig(s3_uri="s3://bucket/checkpoints"),
    )
    channel = InputData(channel_name="training", data_source=str(digits), content_type="application/x-npz")
    failing(job, training=channel)

    assert {"epoch", "epochs"} <= set(re.findall(r"\w+", job.failure()))  # what is wrong, and what is meant
    assert set(files(job.model_archive)) == {"notes.txt"}  # the SDK keeps model/ between runs
    assert job.configuration() == {
        "hyperparameters.json": {"epoch": "2"},
        "inputdataconfig.json": {"training": {"TrainingInputMode": "File", "ContentType": "application/x-npz"}},
        "resourceconfig.json": {
            "current_host": "algo-1",
            "hosts": ["algo-1"],
            "network_interface_name": "ethwe",
            "current_instance_type": "local_cpu",
        },
    }

    again = Job(image, root, hyperparameters=HYPERPARAMETERS).run(training=digits)
    found = files(again.model_archive)
    assert set(found) == {"model.h5", "notes.txt"}
    assert found["model.h5"] == model_of(trained)
    assert set(files(again.output_archive)) == OUTPUTS | {"failure"}  # the SDK's copy of the first job's


def test_a_stopped_job_ends_with_its_model(image, root, digits):
    """Within Compose's 10 seconds, and as a success."""
    job = Job(image, root, hyperparameters=HYPERPARAMETERS | {"epochs": 1_000_000})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = pool.submit(job.run, training=digits)
        deadline = time.monotonic() + LIMIT_SECONDS
        try:
            while not ((running := job.containers.running()) and "Epoch 2/" in docker("logs", running[0])):
                assert not done.done(), done.result()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            docker("stop", "--time", "10", running[0])
            done.result(LIMIT_SECONDS)
        finally:
            if not done.done():
                job.containers.remove()  # which ends the thread
    assert job.containers.newest()["State"]["ExitCode"] == 0
    assert model_of(job)
    assert set(files(job.output_archive)) == OUTPUTS


def noted(job: Job, name: str) -> str:
    """By the probe."""
    return files(job.output_archive)[f"probe/{name}"].decode().strip()


def test_no_channels(probe_image, root):
    job = failing(Job(probe_image, root, hyperparameters=HYPERPARAMETERS))
    assert noted(job, "channels") == "absent"
    assert "training" in job.failure() and "channel" in job.failure()
    assert job.configuration()["inputdataconfig.json"] == {}
    assert not any("/opt/ml/input/data" in mount["Destination"] for mount in job.containers.newest()["Mounts"])


def test_exit_code_130_is_taken_for_success(probe_image, root):
    """So the image must not end by it when it fails."""
    job = Job(probe_image, root, environment={"EXIT_CODE": "130"}).run()
    assert job.containers.newest()["State"]["ExitCode"] == 130


def test_hyperparameters_of_every_type(image, root):
    job = Job(image, root / "job", hyperparameters=hyperparameter_table.VALUES)
    assert job.trainer._create_training_job_args()["hyper_parameters"] == hyperparameter_table.texts("trainer")
    table = hyperparameter_table.write_table(root / "data")
    job.run(training=table)
    hyperparameter_table.check_understood(job.model_archive)

    found = hyperparameter_table.understood(job.model_archive).weights
    expected = hyperparameter_table.trained_from_flags(image, table, root / "flags").weights
    assert len(found) == len(expected) and all(map(np.array_equal, found, expected))


def test_nan_is_refused(image, root, digits):
    case = hyperparameter_table.NOT_A_NUMBER
    job = failing(Job(image, root, hyperparameters={case.name: case.value}), training=digits)
    assert job.configuration()["hyperparameters.json"] == {case.name: case.trainer}
    assert case.name in job.failure() and case.trainer in job.failure()


def test_dollar_in_a_hyperparameter_and_a_column(image, root):
    """Compose replaces $ in the environment only: hyperparameters are a file."""
    (root / "data").mkdir()
    rows = "".join(f"{row % 7},{'yes' if row % 7 > 3 else 'no'}\n" for row in range(40))
    (root / "data/train.csv").write_text(f"US$,$HOME or ${{PATH}}\n{rows}")
    job = Job(image, root / "job", hyperparameters={"epochs": 1, "target": "$HOME or ${PATH}"})
    job.run(training=root / "data")
    used = hyperparameter_table.understood(job.model_archive).hyperparameters
    assert used["target"] == ["$HOME or ${PATH}"]


def test_links_in_a_channel(image, root, digits, trained):
    """A relative one is followed; an absolute one leads nowhere in the container, and the message says where."""
    data = root / "data"
    (data / "hidden").mkdir(parents=True)
    shutil.copy(digits / "mnist.npz", data / "hidden/_digits")
    (data / "mnist.npz").symlink_to("hidden/_digits")
    job = Job(image, root / "relative", hyperparameters=HYPERPARAMETERS).run(training=data)
    assert model_of(job) == model_of(trained)

    (data / "mnist.npz").unlink()
    (data / "mnist.npz").symlink_to(digits / "mnist.npz")
    job = failing(Job(image, root / "absolute", hyperparameters=HYPERPARAMETERS), training=data)
    assert "/opt/ml/input/data/training" in job.failure()


def as_nobody(home: Path, function) -> int:
    """The exit code of a process that calls `function` as a user who has Docker's socket and `home`, and no more."""

    def call():
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(os.stat("/var/run/docker.sock").st_gid)
            os.setuid(NOBODY)
        os.environ["HOME"] = str(home)
        function()

    # Forked with all modules loaded: an interpreter in root's home could not be started.
    process = multiprocessing.get_context("fork").Process(target=call)
    process.start()
    try:
        process.join(LIMIT_SECONDS)
        return process.exitcode
    finally:
        process.kill()


def test_a_caller_other_than_root(image, digits, trained):
    """Docker makes mount points as root's; to delete them, the SDK runs chmod in our image."""
    base = Path(tempfile.mkdtemp(prefix="mlp-sdk3-"))  # pytest's own folders are closed to others
    with containers_below(base, image):
        base.chmod(0o777)
        shutil.copytree(digits, base / "data")
        job = Job(image, base / "job", hyperparameters=HYPERPARAMETERS)
        assert as_nobody(base, lambda: job.run(training=base / "data")) == 0
        assert (base / "job").stat().st_uid == (os.geteuid() or NOBODY)
        assert (base / "job/model").stat().st_uid == 0
        assert not {"input", "shared", "algo-1"} & {path.name for path in (base / "job").iterdir()}
        assert model_of(job) == model_of(trained)


@pytest.fixture
def s3_prefix(digits):
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        client.upload_file(str(digits / "mnist.npz"), "data", "mlp/mnist.npz")
        yield "s3://data/mlp"


def test_channel_on_s3(image, root, trained, s3_prefix):
    session = Session(default_bucket="data")
    job = Job(image, root, hyperparameters=HYPERPARAMETERS, sagemaker_session=session).run(training=s3_prefix)
    assert model_of(job) == model_of(trained)
    environment = job.containers.environment()
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["S3_ENDPOINT_URL"].startswith("https://s3.eu-west-1.")
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= set(environment)


def test_sharding_is_refused_before_any_container(image, root, s3_prefix):
    source = S3DataSource(
        s3_data_type="S3Prefix", s3_uri=s3_prefix, s3_data_distribution_type="ShardedByS3Key"
    )
    job = Job(image, root, sagemaker_session=Session(default_bucket="data"))
    with pytest.raises(RuntimeError, match="ShardedByS3Key"):
        job.run(training=InputData(channel_name="training", data_source=source))
    assert job.containers.ids() == []
