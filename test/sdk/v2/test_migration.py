"""README's "Coming from TensorFlow": its right-hand columns run, and differ from the demo where they may."""

import contextlib
import io
import json
import os
import pathlib
import re
import time

import boto3
import numpy as np
import pytest
import sagemaker

import keras_oracle
from local_containers import containers_below, docker, free_port
from sagemaker_service import Account

ROOT = pathlib.Path(__file__).resolve().parents[3]
README = pathlib.Path(os.environ.get("MLP_README", ROOT / "README.md"))
SEED = pathlib.Path(__file__).with_name("seed_lines.txt")

JSON_FORMS = ", serializer=JSONSerializer(), deserializer=JSONDeserializer()"
# What may stand where the demo has another line, or none.
CHANGES = re.compile(
    r"from sagemaker\.(estimator import Estimator|model import Model|predictor import Predictor"
    r"|serializers import JSONSerializer|deserializers import JSONDeserializer)"
    r"|sm_estimator = Estimator\(image_uri=image,"
    r"|model = Model\(image_uri=image, predictor_cls=Predictor,"
)
# Arguments of the framework classes that have gone.
GONE = {
    "framework_version='2.2', py_version='py37', script_mode=True,",
    "model_dir='/opt/ml/model',",
    "stops every running container",
}

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def code(cell: str) -> str:
    """A cell's code span; nothing of other cells."""
    span = re.fullmatch(r"`([^`]+)`", cell)
    return span[1] if span else ""


def table(script: str) -> list[tuple[str, str]]:
    """The demo's line, or what it does in words, and our line, by row of the script's table."""
    section = f"\n{README.read_text(encoding='utf-8')}".split("\n## Coming from TensorFlow\n")[1].split("\n## ")[0]
    head, _, *rows = re.search(rf"^`{script}`\n\n((?:\|.*\n)+)", section, re.MULTILINE)[1].splitlines()
    assert head == "| the demo | with this image |"
    cells = [[cell.strip() for cell in row.removeprefix("|").removesuffix("|").split("|")] for row in rows]
    return [(theirs.strip("`"), code(theirs if ours == "the same" else ours)) for theirs, ours in cells]


def program(script: str) -> str:
    """Our column. What the demo only has as a comment is run too."""
    return "\n".join(ours.removeprefix("# ") for _, ours in table(script) if ours)


@pytest.fixture(scope="module")
def names(image, digits):
    """What the demo's scripts have from elsewhere."""
    with np.load(digits / "mnist.npz") as arrays:
        pictures = {name: arrays[name] for name in ("x_test", "y_test")}
    modules = {"boto3": boto3, "json": json, "np": np, "os": os, "sagemaker": sagemaker, "time": time}
    role = "arn:aws:iam::123456789012:role/mlp"
    return modules | pictures | {"sagemaker_role": role, "endpoint_name": "mnist"}


@pytest.fixture
def folder(digits, tmp_path, monkeypatch):
    """The working directory, with the data."""
    (tmp_path / "data").symlink_to(digits)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(script: str, names: dict) -> tuple[dict, str]:
    """The script's variables at its end, and its output."""
    variables = dict(names)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(program(script), script, "exec"), variables)
    return variables, output.getvalue()


@pytest.mark.parametrize("script", ["tf_script.py", "sm_local.py", "sm_train.py", "sm_deploy.py"])
def test_the_demos_lines_are_all_there(script):
    lines = SEED.read_text().split(f"# {script}\n")[1].split("\n\n")[0].splitlines()
    assert [theirs for theirs, _ in table(script) if theirs] == lines


@pytest.mark.parametrize("script", ["sm_local.py", "sm_train.py", "sm_deploy.py"])
def test_our_lines_differ_where_they_may(script):
    for theirs, ours in table(script):
        if ours:
            assert theirs == ours.replace(JSON_FORMS, "") or CHANGES.fullmatch(ours), ours
        else:
            assert theirs in GONE, theirs


def test_tf_script_runs_on_the_laptop(image, folder):
    [(theirs, command)] = table("tf_script.py")
    assert command == theirs.replace("python tf_script.py", "mlp train")
    here = f"{folder}:{folder}"
    docker("run", "--rm", "--user", f"{os.getuid()}:{os.getgid()}", "--volume", here, "--volume",
           f"{(folder / 'data').resolve()}:{folder}/data:ro", "--workdir", folder, image, *command.split()[1:])
    assert (folder / "model/model.h5").is_file()
    assert len((folder / "output/prediction.csv").read_text().splitlines()) == 500


def test_sm_local_runs_in_local_mode(image, names, folder, monkeypatch):
    """A user's configuration file gives it a free port and a folder."""
    with containers_below(folder / "containers", image) as containers:
        settings = {"local": {"serving_port": free_port(), "container_root": str(containers.root)}}
        (folder / "config.yaml").write_text(json.dumps(settings))
        # In a home's .sagemaker, by a path that the SDK makes when it is imported.
        monkeypatch.setattr("sagemaker.config.config._DEFAULT_LOCAL_MODE_CONFIG_FILE_PATH", str(folder / "config.yaml"))
        variables, _ = run("sm_local.py", names | {"image": image})
        assert len(containers.ids()) == 2
    rows = names["x_test"][:20].astype(np.float32)  # 0 to 255, as the demo sends them
    theirs = keras_oracle.predict(folder / "model/model.tar.gz", rows)
    predictions = np.array(variables["predictions"])
    assert predictions.shape == (20, 10)
    np.testing.assert_array_equal(predictions.argmax(axis=1), theirs.argmax(axis=1))


def test_sm_train_and_sm_deploy_run_on_the_service(image, names, folder, tmp_path):
    names = names | {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-mlp:1"}
    with Account(image=image, workspace=tmp_path / "account") as account:
        trained, _ = run("sm_train.py", names)
        job = account.training_job(trained["job_name"])
        account.wait_for(job)
        assert job.status == "Completed"
        assert {name for name, _ in job.metrics} == {"train:error", "validation:error", "validation:accuracy"}
        tuned = trained["tuner"].analytics().dataframe()
        assert list(tuned["TrainingJobStatus"]) == ["Completed"] * 4
        assert tuned["FinalObjectiveValue"].notna().all()

        model_data = trained["sm_estimator"].latest_training_job.describe()["ModelArtifacts"]["S3ModelArtifacts"]
        deployed, output = run("sm_deploy.py", names | {"model_data": model_data})
        deployed["predictor"].delete_endpoint()
    theirs = keras_oracle.predict(job.model_archive, names["x_test"][:20] / 255)
    np.testing.assert_allclose(deployed["predictions"], theirs, atol=keras_oracle.TOLERANCE)
    bodies = re.findall(r"^b'(.*)'$", output, re.MULTILINE)
    singly = [json.loads(body)["predictions"] for body in bodies]
    assert np.shape(singly) == (20, 1, 10)
    np.testing.assert_allclose(np.concatenate(singly), theirs, atol=keras_oracle.TOLERANCE)
