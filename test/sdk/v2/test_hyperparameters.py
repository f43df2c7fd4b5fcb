"""Python's values reach the image as what they are, by each way that SDK 2 has of writing them."""

import json

import boto3
import numpy as np
import pytest
from sagemaker import Session
from sagemaker.estimator import Estimator
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.tensorflow import TensorFlow
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner, IntegerParameter

import hyperparameter_table as table
from sagemaker_service import Account
from local_containers import file_names, read
from local_mode import ROLE, LocalMode

RESERVED = {
    "model_dir",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_program",
    "sagemaker_region",
    "sagemaker_submit_directory",
}


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    return table.write_table(tmp_path_factory.mktemp("table") / "data")


@pytest.fixture(scope="module")
def weights(image, animals, tmp_path_factory):
    """What comes of the same values as flags."""
    return table.trained_from_flags(image, animals, tmp_path_factory.mktemp("flags") / "model").weights


@pytest.fixture
def script(tmp_path):
    """A folder with the script that a framework's container would run."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/train.py").write_text("raise SystemExit('this image runs no script')\n")
    return tmp_path / "code"


def framework(mode: LocalMode, output, script, hyperparameters) -> TensorFlow:
    return TensorFlow(
        image_uri=mode.image,
        instance_type="local",
        hyperparameters=dict(hyperparameters),  # which the SDK adds to
        output_path=f"file://{output}",
        sagemaker_session=mode.session,
        **scripted(script),
    )


def scripted(script) -> dict:
    return {
        "entry_point": "train.py",
        "source_dir": str(script),
        "role": ROLE,
        "instance_count": 1,
        "model_dir": "/opt/ml/model",
    }


def check_model(archive, weights):
    table.check_understood(archive)
    found = table.understood(archive).weights
    assert len(found) == len(weights)
    for pair in zip(found, weights):
        np.testing.assert_array_equal(*pair)


def written(output) -> dict[str, str]:
    return json.loads(read(output / "output.tar.gz", "probe/hyperparameters.json"))


def test_an_estimators_values_arrive(probe, animals, weights, tmp_path):
    half = len(table.VALUES) // 2
    estimator = probe.estimator(tmp_path / "output", hyperparameters=dict(list(table.VALUES.items())[:half]))
    estimator.set_hyperparameters(**dict(list(table.VALUES.items())[half:]))
    estimator.fit({"training": f"file://{animals}"})
    assert written(tmp_path / "output") == table.texts("estimator")
    check_model(tmp_path / "output/model.tar.gz", weights)


def test_a_framework_classs_values_arrive(probe, script, animals, weights, tmp_path):
    framework(probe, tmp_path / "output", script, table.VALUES).fit({"training": f"file://{animals}"})
    texts = written(tmp_path / "output")
    assert set(texts) - set(table.VALUES) == RESERVED
    assert {name: texts[name] for name in table.VALUES} == table.texts("framework")
    check_model(tmp_path / "output/model.tar.gz", weights)


def test_an_estimator_with_a_script_writes_as_framework_classes_do(local, script, tmp_path):
    estimator = local.estimator(
        tmp_path / "output", hyperparameters=table.VALUES, entry_point="train.py", source_dir=str(script)
    )
    assert estimator.hyperparameters() == table.texts("framework")


@pytest.mark.parametrize("style", ["estimator", "framework"])
def test_no_number_is_refused_by_its_name(probe, style, script, animals, tmp_path):
    case = table.NOT_A_NUMBER
    values = {case.name: case.value, "target": "animal"}
    if style == "estimator":
        estimator = probe.estimator(tmp_path / "output", hyperparameters=values)
    else:
        estimator = framework(probe, tmp_path / "output", script, values)
    with pytest.raises(RuntimeError, match="exited with code: 1$"):
        estimator.fit({"training": f"file://{animals}"})
    assert written(tmp_path / "output")[case.name] == getattr(case, style)
    failure = read(tmp_path / "output/output.tar.gz", "failure")
    assert failure.startswith("UserError") and case.name in failure
    assert file_names(tmp_path / "output/model.tar.gz") == []


# None of VALUES is in them.
RANGES = {
    "epochs": IntegerParameter(3, 4),
    "learning_rate": ContinuousParameter(2e-05, 3e-05, "Logarithmic"),
    "optimizer": CategoricalParameter(["adam"]),
    "nesterov": CategoricalParameter([False]),
    "dense_hidden": CategoricalParameter([[48, 24]]),
    "weight_decay": CategoricalParameter([0.01]),
    "drop_rate": CategoricalParameter([None]),
}
PLAIN = {
    "optimizer": "adam",
    "nesterov": "False",
    "dense_hidden": "[48, 24]",
    "weight_decay": "0.01",
    "drop_rate": "None",
}
USED = {"optimizer": "adam", "nesterov": False, "dense_hidden": [48, 24], "weight_decay": 0.01, "drop_rate": 0.2}


def tune(style, script, animals, hyperparameters, ranges) -> None:
    """By one job."""
    session = Session()
    settings = {
        "image_uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mlp:1",
        "instance_type": "ml.c5.xlarge",
        "hyperparameters": dict(hyperparameters),
        "sagemaker_session": session,
    }
    if style == "estimator":
        estimator = Estimator(role=ROLE, instance_count=1, **settings)
    else:
        estimator = TensorFlow(**scripted(script), **settings)
    tuner = HyperparameterTuner(
        estimator,
        objective_metric_name="train:loss",
        objective_type="Minimize",
        metric_definitions=[{"Name": "train:loss", "Regex": "- loss: ([0-9.]+)"}],
        hyperparameter_ranges=ranges,
        max_jobs=1,
    )
    tuner.fit({"training": session.upload_data(str(animals), key_prefix="animals")})


def only_job(account):
    [request] = account.requests_of("CreateHyperParameterTuningJob")
    [summary] = boto3.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=request["HyperParameterTuningJobName"]
    )["TrainingJobSummaries"]
    return account.training_job(summary["TrainingJobName"])


@pytest.mark.parametrize("style", ["estimator", "framework"])
def test_a_tuners_values_arrive(image, style, animals, script, tmp_path):
    with Account(image=image, workspace=tmp_path / "account") as account:
        tune(style, script, animals, table.VALUES, RANGES)
        job = only_job(account)
    texts = job.request["HyperParameters"]
    written = {name: texts[name] for name in RANGES if type(RANGES[name]) is CategoricalParameter}
    assert written == (PLAIN if style == "estimator" else {name: f'"{text}"' for name, text in PLAIN.items()})
    drawn = {"epochs": int(texts["epochs"]), "learning_rate": float(texts["learning_rate"])}
    assert 3 <= drawn["epochs"] <= 4 and 2e-05 <= drawn["learning_rate"] <= 3e-05
    table.check_understood(job.model_archive, **drawn, **USED)


@pytest.mark.parametrize("style", ["estimator", "framework"])
def test_no_number_is_refused_by_its_name_in_a_tuners_job(image, style, animals, script, tmp_path):
    case = table.NOT_A_NUMBER
    values = {case.name: case.value, "target": "animal"}
    with Account(image=image, workspace=tmp_path / "account") as account:
        with pytest.raises(UnexpectedStatusException):
            tune(style, script, animals, values, {"epochs": IntegerParameter(3, 4)})
        job = only_job(account)
    assert job.request["HyperParameters"][case.name] == getattr(case, style)
    assert "UserError" in job.failure_reason and case.name in job.failure_reason
