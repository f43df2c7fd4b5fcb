"""SDK 2's local mode runs the image: training, an endpoint, a batch, a failure, and what is odd about this place."""

import csv
import io
import json
import multiprocessing
import os
import pathlib
import re
import runpy
import tempfile
import threading
import time

import numpy as np
import pytest
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer, NumpyDeserializer
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer, JSONSerializer, NumpySerializer

import keras_oracle
from hyperparameter_table import write_table
from local_containers import NETWORK, Containers, docker, file_names, in_use, read
from local_mode import LocalMode, local_mode

ROOT = pathlib.Path(__file__).resolve().parents[3]
REPORTS = ["data/evaluation.json", "data/history.csv", "data/metrics.json", "data/prediction.csv"]
ANIMALS = {"target": "animal", "epochs": 2, "validation_split": 0.2}

# The SDK's thread that reads a server's log ends in an error when the server is stopped.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

# An account that owns nothing and may talk to Docker.
STRANGER = 65534
LIMIT_SECONDS = 300


@pytest.fixture(scope="module")
def x_test(digits):
    with np.load(digits / "mnist.npz") as arrays:
        return arrays["x_test"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("table"))


class Job:
    """A job with all that local mode claims to take, and what it left."""

    def __init__(self, mode, digits, output):
        self.model_archive, self.output_archive = output / "model.tar.gz", output / "output.tar.gz"
        estimator = mode.estimator(
            output,
            hyperparameters={"epochs": 3, "learning_rate": 0.003},
            environment={"EMPTY": "", "LINES": "one\ntwo", "PRICE": "5 $$ and $${HOME}"},
            input_mode="Pipe",
            enable_network_isolation=True,
            metric_definitions=[{"Name": "validation:loss", "Regex": "val_loss: ([0-9.]+)"}],
        )
        inputs = {"training": TrainingInput(f"file://{digits}", content_type="application/x-npz")}
        estimator.fit(inputs, job_name="mlp-job")
        self.container = mode.containers.newest()
        self.log = docker("logs", self.container["Id"])
        self.environment = dict(line.split("=", 1) for line in self.container["Config"]["Env"])

    def noted(self, name):
        return read(self.output_archive, f"probe/{name}").strip()

    def configuration(self, name):
        return json.loads(self.noted(f"{name}.json"))


@pytest.fixture(scope="module")
def job(probe_image, digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    with local_mode(probe_image, folder / "local") as mode:
        yield Job(mode, digits, folder / "output")


def history(archive):
    names, *rows = csv.reader(io.StringIO(read(archive, "data/history.csv")))
    return dict(zip(names, np.array(rows, dtype=float).T))


def test_a_model_archive_holds_one_plain_file(job):
    assert file_names(job.model_archive) == ["model.h5"]


def test_an_output_archive_holds_the_reports(job):
    reports = [name for name in file_names(job.output_archive) if not name.startswith("probe/")]
    assert reports == REPORTS
    lines = read(job.output_archive, "data/prediction.csv").splitlines()
    assert len(lines) == 500 and all(line.count(",") == 1 for line in lines)


def test_the_reported_accuracy_is_what_keras_finds(job, digits):
    with np.load(digits / "mnist.npz") as arrays:
        x, y = arrays["x_test"], arrays["y_test"]
    classes = keras_oracle.predict(job.model_archive, x / 255).argmax(axis=1)
    accuracy = np.mean(classes == y)
    assert accuracy > 0.8
    assert history(job.output_archive)["val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)


def test_a_job_is_started_with_train_on_a_terminal(job):
    assert job.container["Config"]["Cmd"] == ["train"]
    assert job.container["Config"]["Tty"] and job.container["Config"]["OpenStdin"]
    assert job.noted("terminal") == "xterm"
    assert job.container["State"]["ExitCode"] == 0


def test_the_log_on_a_terminal_is_plain_lines(job):
    *lines, rest = job.log.split("\n")
    assert rest == "" and len(lines) > 3
    assert all(line.endswith("\r") and line[:-1].isprintable() for line in lines)


def test_the_log_tells_what_the_history_tells(job):
    epochs = [line for line in job.log.splitlines() if line.startswith("Epoch ")]
    losses = [re.search(r"val_loss: ([0-9\.]+)", line)[1] for line in epochs]
    assert losses == [f"{loss:.6f}" for loss in history(job.output_archive)["val_loss"]]


def test_the_configuration_is_local_modes(job):
    resources = job.configuration("resourceconfig")
    assert sorted(resources) == ["current_host", "current_instance_type", "hosts", "network_interface_name"]
    assert re.fullmatch(r"algo-1-[a-z0-9]{5}", resources["current_host"])
    assert resources["hosts"] == [resources["current_host"]]
    assert (resources["current_instance_type"], resources["network_interface_name"]) == ("local", "eth0")
    assert job.noted("hostname") == job.container["Id"][:12]
    inputs = {"training": {"TrainingInputMode": "File", "ContentType": "application/x-npz"}}
    assert job.configuration("inputdataconfig") == inputs
    assert job.configuration("hyperparameters") == {"epochs": "3", "learning_rate": "0.003"}


def test_the_environment_is_local_modes(job):
    assert job.environment["TRAINING_JOB_NAME"] == "mlp-job"
    assert "TRAINING_JOB_ARN" not in job.environment
    assert job.environment["AWS_REGION"] == "eu-west-1"
    assert job.environment["AWS_ENDPOINT_URL_S3"] == "https://s3.eu-west-1.amazonaws.com"
    # Compose takes one of two dollars, and a single one for a variable of the caller's.
    added = {name: job.environment[name] for name in ("EMPTY", "LINES", "PRICE")}
    assert added == {"EMPTY": "", "LINES": "one\ntwo", "PRICE": "5 $ and ${HOME}"}


def test_the_mounts_and_the_network_are_local_modes(job, digits):
    mounts = {mount["Destination"]: mount["Source"] for mount in job.container["Mounts"]}
    assert mounts.pop("/opt/ml/input/data/training") == str(digits)
    assert sorted(mounts) == ["/opt/ml/input", "/opt/ml/model", "/opt/ml/output", "/opt/ml/output/data"]
    assert (job.noted("model"), job.noted("owner")) == ("", "0")  # empty at the start, and root's
    assert job.noted("channels") == "training"  # no manifests
    assert list(job.container["NetworkSettings"]["Networks"]) == [NETWORK]  # network isolation is ignored


@pytest.fixture(scope="module")
def endpoint(image, job, tmp_path_factory):
    with local_mode(image, tmp_path_factory.mktemp("endpoint") / "local") as mode:
        model = mode.model(job.model_archive, predictor_cls=Predictor)
        predictor = model.deploy(
            1, "local", serializer=JSONSerializer(), deserializer=JSONDeserializer(), wait=False
        )
        yield predictor, mode
        if mode.containers.running():
            predictor.delete_endpoint()


def predictor_with(endpoint, serializer, deserializer):
    first, _ = endpoint
    return Predictor(first.endpoint_name, first.sagemaker_session, serializer, deserializer)


def test_an_endpoint_is_started_with_serve_on_a_terminal(endpoint):
    container = endpoint[1].containers.newest()
    assert container["Config"]["Cmd"] == ["serve"]
    assert container["Config"]["Tty"]
    [mount] = container["Mounts"]
    assert (mount["Destination"], mount["RW"]) == ("/opt/ml/model", True)
    # The archives lie beside what was unpacked from them.
    assert {"model.h5", "model.tar.gz", "output.tar.gz"} <= set(os.listdir(mount["Source"]))


def test_json_is_predicted_as_keras_does(endpoint, job, x_test):
    rows = x_test[:20] / 255
    predictions = endpoint[0].predict(rows)["predictions"]
    np.testing.assert_allclose(predictions, keras_oracle.predict(job.model_archive, rows), atol=keras_oracle.TOLERANCE)


def test_whole_numbers_in_json_are_taken_as_they_are(endpoint, job, x_test):
    predictions = endpoint[0].predict(x_test[:20])["predictions"]
    theirs = keras_oracle.predict(job.model_archive, x_test[:20].astype(np.float32))
    np.testing.assert_array_equal(np.argmax(predictions, axis=1), theirs.argmax(axis=1))
    np.testing.assert_allclose(predictions, theirs, atol=1e-3)  # of logits in the hundreds


def test_csv_is_predicted_as_keras_does(endpoint, job, x_test):
    rows = x_test[:20].reshape(20, 784) / 255
    answer = predictor_with(endpoint, CSVSerializer(), CSVDeserializer()).predict(rows)
    theirs = keras_oracle.predict(job.model_archive, x_test[:20] / 255)
    np.testing.assert_allclose(np.array(answer, dtype=float), theirs, atol=keras_oracle.TOLERANCE)


def test_pictures_as_npy_are_predicted_as_keras_does(endpoint, job, x_test):
    answer = predictor_with(endpoint, NumpySerializer(dtype=np.uint8), NumpyDeserializer()).predict(x_test)
    theirs = keras_oracle.predict(job.model_archive, x_test / 255)
    assert answer.shape == (500, 10)
    np.testing.assert_allclose(answer, theirs, atol=keras_oracle.TOLERANCE)


def test_a_refused_request_says_why_in_the_answer(endpoint):
    assert "784" in endpoint[0].predict([[1, 2, 3]])["error"]


def test_a_deleted_endpoint_has_left_by_itself(endpoint):
    predictor, mode = endpoint
    predictor.delete_endpoint()
    assert mode.containers.running() == []
    assert mode.containers.newest()["State"]["ExitCode"] == 0  # 137 of one that Compose had to kill


def test_a_batch_has_a_line_for_each_line_in_their_order(local, job, x_test, tmp_path):
    rows = x_test.reshape(len(x_test), 784) / 255
    (tmp_path / "rows").mkdir()
    np.savetxt(tmp_path / "rows/all.csv", rows, fmt="%.9g", delimiter=",")
    text = (tmp_path / "rows/all.csv").read_text()
    (tmp_path / "rows/unended.csv").write_text("".join(text.splitlines(keepends=True)[:3]).rstrip("\n"))
    (tmp_path / "rows/empty.csv").write_text("")
    model = local.model(job.model_archive, name="mlp-batch")
    model.create("local")
    transformer = model.transformer(1, "local", output_path=f"file://{tmp_path}/out", max_payload=1)
    # To wait is to ask CloudWatch for a log: the work is done as it is.
    transformer.transform(
        f"file://{tmp_path}/rows", content_type="text/csv", split_type="Line", wait=False, logs=False
    )
    assert sorted(os.listdir(tmp_path / "out")) == ["all.csv.out", "empty.csv.out", "unended.csv.out"]
    lines = (tmp_path / "out/all.csv.out").read_text().splitlines()
    theirs = keras_oracle.predict(job.model_archive, x_test / 255)
    assert len(text) > 2**20  # so it took several requests
    np.testing.assert_allclose(np.loadtxt(lines, delimiter=","), theirs, atol=keras_oracle.TOLERANCE)
    assert (tmp_path / "out/unended.csv.out").read_text().splitlines() == lines[:3]
    assert (tmp_path / "out/empty.csv.out").read_text() == ""
    environment = local.containers.newest()["Config"]["Env"]
    assert {"SAGEMAKER_BATCH=True", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS=1"} <= set(environment)


def test_jobs_in_one_output_root_know_nothing_of_each_other(local, table, tmp_path):
    output, inputs = tmp_path / "output", {"training": f"file://{table}"}
    local.estimator(output, hyperparameters=ANIMALS | {"seed": 1}).fit(inputs)
    first = read(output / "output.tar.gz", "data/history.csv")
    with pytest.raises(RuntimeError, match="exited with code: 1$"):
        local.estimator(output, hyperparameters=ANIMALS | {"epochs": "many"}).fit(inputs)
    failure = read(output / "output.tar.gz", "failure")
    assert failure.startswith("UserError") and "epochs" in failure and "many" in failure
    assert len(failure) <= 1024
    assert file_names(output / "output.tar.gz") == ["failure"]
    assert file_names(output / "model.tar.gz") == []
    local.estimator(output, hyperparameters=ANIMALS | {"seed": 2}).fit(inputs)
    assert file_names(output / "output.tar.gz") == REPORTS
    assert file_names(output / "model.tar.gz") == ["columns.json", "model.h5"]
    assert read(output / "output.tar.gz", "data/history.csv") != first


def test_a_channel_that_is_one_file_is_its_folder(local, table, tmp_path):
    (tmp_path / "channel").mkdir()
    file = tmp_path / "channel/animals.csv"
    file.write_bytes((table / "animals.csv").read_bytes())
    (tmp_path / "channel/.cache").write_text("no table")
    local.estimator(tmp_path / "output", hyperparameters=ANIMALS).fit({"training": f"file://{file}"})
    mounts = local.containers.newest()["Mounts"]
    assert [m["Source"] for m in mounts if m["Destination"].endswith("/training")] == [str(file.parent)]
    assert file_names(tmp_path / "output/model.tar.gz") == ["columns.json", "model.h5"]


def test_a_job_without_channels_fails_and_says_so(probe, tmp_path):
    with pytest.raises(RuntimeError, match="exited with code: 1$"):
        probe.estimator(tmp_path / "output", hyperparameters={"epochs": 1}).fit()
    assert "training" in read(tmp_path / "output/output.tar.gz", "failure")
    assert read(tmp_path / "output/output.tar.gz", "probe/channels") == ""  # the folder is there


def test_exit_code_130_is_taken_for_success(probe, tmp_path):
    """So the image must not end by it when it fails."""
    probe.estimator(tmp_path / "output", environment={"EXIT_CODE": "130"}).fit()
    assert probe.containers.newest()["State"]["ExitCode"] == 130


def test_a_job_below_dockers_init_and_stopped_early_leaves_its_model(image, table, tmp_path):
    with local_mode(image, tmp_path / "local", init=True) as mode:
        estimator = mode.estimator(tmp_path / "output", hyperparameters=ANIMALS | {"epochs": 1_000_000})
        fit = threading.Thread(target=estimator.fit, args=({"training": f"file://{table}"},))
        fit.start()
        deadline = time.monotonic() + LIMIT_SECONDS
        while not (mode.containers.running() and "Epoch 9/" in docker("logs", mode.containers.running()[0])):
            assert fit.is_alive() and time.monotonic() < deadline
            time.sleep(0.2)
        [container] = mode.containers.running()
        docker("stop", "--time", "10", container)  # as Compose does
        fit.join(LIMIT_SECONDS)
        stopped = mode.containers.newest()
        assert stopped["HostConfig"]["Init"]
        assert stopped["State"]["ExitCode"] == 0
    assert file_names(tmp_path / "output/model.tar.gz") == ["columns.json", "model.h5"]
    assert file_names(tmp_path / "output/output.tar.gz") == REPORTS


def train_as(user, image, root):
    os.setgroups([os.stat("/var/run/docker.sock").st_gid])
    os.setgid(user)
    os.setuid(user)
    estimator = LocalMode(image, root / "local").estimator(root / "output", hyperparameters=ANIMALS)
    estimator.fit({"training": f"file://{root}/data"})


@pytest.mark.skipif(os.getuid() != 0, reason="all other tests are run by a caller other than root")
def test_a_caller_other_than_root_owns_the_archives(image, monkeypatch):
    # pytest's own folders are closed to others.
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_table(root / "data")
        os.chown(root, STRANGER, STRANGER)
        monkeypatch.setenv("HOME", folder)
        # A fork has imported what the caller could not: the interpreter may lie in a home of root's.
        child = multiprocessing.get_context("fork").Process(target=train_as, args=(STRANGER, image, root))
        child.start()
        try:
            child.join(LIMIT_SECONDS)
            assert child.exitcode == 0
        finally:
            child.kill()
            Containers(root).remove()
        archives = [root / "output" / name for name in ("model.tar.gz", "output.tar.gz")]
        assert [archive.stat().st_uid for archive in archives] == [STRANGER, STRANGER]
        assert file_names(archives[0]) == ["columns.json", "model.h5"]


def test_local_mode_refuses_checkpoints_spot_and_shares(local, table, tmp_path):
    inputs = {"training": f"file://{table}"}
    with pytest.raises(ValueError, match="checkpoint_s3_uri is not supported"):
        local.estimator(tmp_path / "output", checkpoint_s3_uri="s3://bucket/checkpoints").fit(inputs)
    with pytest.raises(ValueError, match="Spot training is not supported"):
        local.estimator(tmp_path / "output", use_spot_instances=True, max_wait=86400).fit(inputs)
    shares = TrainingInput(f"file://{table}", distribution="ShardedByS3Key")
    with pytest.raises(RuntimeError, match="ShardedByS3Key"):
        local.estimator(tmp_path / "output").fit({"training": shares})
    assert local.containers.ids() == []


def test_the_example(image, digits, tmp_path, monkeypatch):
    assert not in_use(8080), "The example serves on port 8080, which another process has: stop that one first."
    (tmp_path / "data").symlink_to(digits)
    (tmp_path / "containers").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "containers"))
    monkeypatch.setenv("MLP_IMAGE", image)
    containers = Containers(tmp_path / "containers")
    try:
        variables = runpy.run_path(str(ROOT / "examples/local_v2.py"))
        assert len(containers.ids()) == 3 and containers.running() == []
    finally:
        containers.remove()
    theirs = keras_oracle.predict(tmp_path / "output/local_v2/model.tar.gz", variables["x_test"])
    np.testing.assert_allclose(variables["predictions"], theirs[:20], atol=keras_oracle.TOLERANCE)
    np.testing.assert_allclose(variables["probabilities"], theirs, atol=keras_oracle.TOLERANCE)
