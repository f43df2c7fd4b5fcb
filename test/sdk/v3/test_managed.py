"""The examples of SDK 3 for SageMaker itself, as they are: what they ask of the service, and what comes of it."""

import csv
import io
import json
import re
import tarfile

import boto3
import hyperparameter_table
import numpy as np
import pytest
from botocore.exceptions import ClientError
from deploy_page import actions
from keras_oracle import TOLERANCE, predict
from managed_examples import BUCKET, LAST_PLACE, ROLE, Examples
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter
from sagemaker.core.training.configs import Compute
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner
from sagemaker_service import Account

RANGES = {"epochs": (50, 200), "batch_size": (32, 256), "learning_rate": (0.0001, 0.1), "drop_rate": (0.0, 1.0)}
INSTANCE = {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
CHANNEL = {
    "ChannelName": "training",
    "DataSource": {
        "S3DataSource": {
            "S3DataType": "S3Prefix",
            "S3Uri": f"{BUCKET}/mlp/data/train/mnist.npz",
            "S3DataDistributionType": "FullyReplicated",
        }
    },
}


def reports_of(examples, job_name: str) -> dict[str, bytes]:
    return examples.files(f"{BUCKET}/mlp/{job_name}/output/output.tar.gz")


@pytest.fixture(scope="module")
def trained(examples):
    return examples.run("train_v3.py")


@pytest.fixture(scope="module")
def tuned(examples, trained):
    return examples.run("tune_v3.py")


@pytest.fixture(scope="module")
def model_data(trained):
    return f"{BUCKET}/mlp/{trained.job.training_job_name}/output/model.tar.gz"


@pytest.fixture(scope="module")
def deployed(examples, model_data):
    return examples.run("deploy_v3.py", MODEL_DATA=model_data)


@pytest.fixture(scope="module")
def registered(examples, model_data):
    return examples.run("register_v3.py", MODEL_DATA=model_data)


@pytest.fixture(scope="module")
def theirs(examples, trained, pictures) -> np.ndarray:
    """Of the first 20 test pictures, by Keras."""
    archive = examples.account.training_job(trained.job.training_job_name).model_archive
    return predict(archive, pictures["x_test"][:20] / 255)


def test_a_training_job_is_asked_for(examples, trained, ecr_image, metric_definitions):
    name = trained.job.training_job_name
    assert re.fullmatch(r"mlp-\d{14}", name)
    assert examples.request("CreateTrainingJob") == {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": ecr_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": metric_definitions,
        },
        "HyperParameters": {"epochs": "10", "batch_size": "128", "learning_rate": "0.001", "drop_rate": "0.8"},
        "InputDataConfig": [CHANNEL | {"InputMode": "File"}],
        "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/mlp", "CompressionType": "GZIP"},
        "ResourceConfig": INSTANCE,
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        "CheckpointConfig": {"S3Uri": f"{BUCKET}/mlp/{name}/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
    }


def test_the_job_is_put_into_an_experiment(examples, trained):
    name = trained.job.training_job_name
    assert examples.request("CreateExperiment") == {"ExperimentName": "mlp"}
    assert examples.request("CreateTrial") == {"ExperimentName": "mlp", "TrialName": name}
    found = boto3.client("sagemaker").list_trial_components(TrialName=name)["TrialComponentSummaries"]
    assert [component["TrialComponentName"] for component in found] == [f"{name}-aws-training-job"]


def test_the_job_s_metrics_are_those_of_its_reports(examples, trained, metric_definitions):
    job = examples.account.training_job(trained.job.training_job_name)
    reports = reports_of(examples, job.name)
    epochs = [
        {name: float(value) for name, value in row.items()}
        for row in csv.DictReader(reports["history.csv"].decode().splitlines())
    ]
    assert len(epochs) == 10
    for part, prefix in (("train", ""), ("validation", "val_")):
        for metric in ("loss", "accuracy"):
            seen = [value for name, value in job.metrics if name == f"{part}:{metric}"]
            # The values of the model that is kept follow.
            assert seen[:-1] == pytest.approx([row[prefix + metric] for row in epochs], rel=0, abs=LAST_PLACE)

    kept = json.loads(reports["metrics.json"])
    parts = (("train", "training"), ("validation", "validation"), ("test", "test"))
    expected = {f"{part}:{metric}": kept[rows][metric] for part, rows in parts for metric in ("loss", "accuracy")}
    assert set(expected) == {definition["Name"] for definition in metric_definitions}
    printed = dict(re.findall(r"^(\w+:\w+) ([0-9.]+)$", trained.printed, re.MULTILINE))
    found = {name: float(value) for name, value in printed.items()}
    assert found == pytest.approx(expected, rel=0, abs=LAST_PLACE)


def test_the_job_names_its_model(examples, trained, model_data):
    assert f"export MODEL_DATA={model_data}\n" in trained.printed
    with tarfile.open(fileobj=io.BytesIO(examples.read(model_data))) as archive:
        assert archive.getnames() == ["model.h5"]


def test_a_tuning_job_is_asked_for(examples, tuned, ecr_image, metric_definitions):
    request = examples.request("CreateHyperParameterTuningJob")
    assert re.fullmatch(r"mlp-\d{6}-\d{4}", request.pop("HyperParameterTuningJobName"))
    validation_loss = next(one["Regex"] for one in metric_definitions if one["Name"] == "validation:loss")
    texts = {name: {"Name": name, "MinValue": str(low), "MaxValue": str(high)} for name, (low, high) in RANGES.items()}
    assert request == {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:error"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "TrainingJobEarlyStoppingType": "Off",
            "ParameterRanges": {
                "IntegerParameterRanges": [
                    texts["epochs"] | {"ScalingType": "Auto"},
                    texts["batch_size"] | {"ScalingType": "Auto"},
                ],
                "ContinuousParameterRanges": [
                    texts["learning_rate"] | {"ScalingType": "Logarithmic"},
                    texts["drop_rate"] | {"ScalingType": "Auto"},
                ],
            },
        },
        "TrainingJobDefinition": {
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": ecr_image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [*metric_definitions, {"Name": "validation:error", "Regex": validation_loss}],
            },
            "InputDataConfig": [CHANNEL],
            "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/mlp", "CompressionType": "GZIP"},
            "ResourceConfig": INSTANCE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }


def test_the_tuner_goes_by_the_validation_loss_and_names_the_best_model(examples, tuned):
    summaries = boto3.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuned.tuner.latest_tuning_job.hyper_parameter_tuning_job_name
    )["TrainingJobSummaries"]
    assert len(summaries) == 4
    losses = {}
    for summary in summaries:
        job = examples.account.training_job(summary["TrainingJobName"])
        assert job.status == "Completed", job.failure_reason
        used = hyperparameter_table.understood(job.model_archive).hyperparameters
        for name, (low, _) in RANGES.items():
            assert used[name] == type(low)(summary["TunedHyperParameters"][name])
        losses[job.name] = json.loads(reports_of(examples, job.name)["metrics.json"])["validation"]["loss"]
        objective = summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        assert objective == pytest.approx(losses[job.name], rel=0, abs=LAST_PLACE)
    best = min(losses, key=losses.get)
    assert f"export MODEL_DATA={BUCKET}/mlp/{best}/output/model.tar.gz\n" in tuned.printed


@pytest.fixture
def account(image, examples, tmp_path):
    """Of the test's own: with the examples' one it shares what is on S3 and in IAM, and no more."""
    with Account(image=image, workspace=tmp_path / "account") as account:
        yield account


def tune(folder, ecr_image, hyperparameters, ranges) -> HyperparameterTuner:
    """Over the table of animals."""
    session = Session()
    table = hyperparameter_table.write_table(folder)
    trainer = ModelTrainer(
        training_image=ecr_image,
        role=ROLE,
        compute=Compute(instance_type="ml.c5.xlarge", instance_count=1),
        hyperparameters=hyperparameters,
        sagemaker_session=session,
    )
    tuner = HyperparameterTuner(
        trainer,
        objective_metric_name="train:loss",
        metric_definitions=[{"Name": "train:loss", "Regex": "- loss[:=] ?([0-9.]+)"}],
        hyperparameter_ranges=ranges,
        max_jobs=1,
        base_tuning_job_name="types",
    )
    tuner.tune({"train": session.upload_data(str(table), key_prefix="animals")})
    return tuner


def test_hyperparameters_of_every_type_through_the_tuner(account, ecr_image, tmp_path):
    """What is not tuned is written as SDK 2's Estimator writes it, unlike by ModelTrainer alone."""
    ranges = {
        "kernel_initializer": CategoricalParameter(["he_uniform", "he_normal"]),
        "label_smoothing": ContinuousParameter(1e-05, 0.2),
    }
    tuner = tune(tmp_path / "table", ecr_image, hyperparameter_table.VALUES, ranges)
    request = Examples(account).request("CreateHyperParameterTuningJob")
    static = request["TrainingJobDefinition"]["StaticHyperParameters"]
    assert static == hyperparameter_table.texts("estimator")
    ranges = request["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert ranges["CategoricalParameterRanges"] == [
        {"Name": "kernel_initializer", "Values": ["he_uniform", "he_normal"]}
    ]
    assert ranges["ContinuousParameterRanges"][0]["MinValue"] == "1e-05"
    job = account.training_job(tuner.best_training_job())
    hyperparameter_table.check_understood(job.model_archive, kernel_initializer="he_uniform", label_smoothing=1e-05)


def test_nan_is_refused_in_a_tuners_job(account, ecr_image, tmp_path):
    case = hyperparameter_table.NOT_A_NUMBER
    values = {case.name: case.value, "target": "animal"}
    with pytest.raises(FailedStatusError):
        tune(tmp_path / "table", ecr_image, values, {"label_smoothing": ContinuousParameter(1e-05, 0.2)})
    tuning_job = Examples(account).request("CreateHyperParameterTuningJob")["HyperParameterTuningJobName"]
    (summary,) = boto3.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning_job
    )["TrainingJobSummaries"]
    job = account.training_job(summary["TrainingJobName"])
    assert job.request["HyperParameters"][case.name] == case.estimator
    assert "UserError" in job.failure_reason and case.name in job.failure_reason


def test_an_endpoint_is_asked_for(examples, deployed, model_data, ecr_image):
    name = deployed.name
    assert examples.request("CreateModel") == {
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": ecr_image, "ModelDataUrl": model_data},
    }
    variant = {"VariantName": "all", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.c5.xlarge"}
    assert examples.request("CreateEndpointConfig") == {"EndpointConfigName": name, "ProductionVariants": [variant]}
    assert examples.request("CreateEndpoint") == {"EndpointName": name, "EndpointConfigName": name}


def test_the_endpoint_predicts_what_keras_does(deployed, theirs, pictures):
    np.testing.assert_allclose(deployed.predictions, theirs, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(deployed.answers, theirs, rtol=0, atol=TOLERANCE)
    assert f"boto3: {theirs.argmax(axis=1)} truth: {pictures['y_test'][:20]}\n" in deployed.printed


def test_a_transform_job_is_asked_for(examples, deployed):
    request = examples.request("CreateTransformJob")
    name = request.pop("TransformJobName")
    assert name.startswith("mlp-")
    assert request == {
        "ModelName": deployed.name,
        "BatchStrategy": "MultiRecord",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/mlp/data/rows/rows.csv"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": f"{BUCKET}/{name}", "Accept": "text/csv"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.c5.xlarge"},
    }


def test_the_transform_job_predicts_what_keras_does(deployed, theirs):
    np.testing.assert_allclose(deployed.probabilities, theirs, rtol=0, atol=TOLERANCE)
    assert len(deployed.lines) == len(theirs)  # none of them empty


def test_nothing_that_was_deployed_is_left(deployed):
    client, name = boto3.client("sagemaker"), deployed.name
    for describe in (
        lambda: client.describe_endpoint(EndpointName=name),
        lambda: client.describe_endpoint_config(EndpointConfigName=name),
        lambda: client.describe_model(ModelName=name),
    ):
        with pytest.raises(ClientError, match="Could not find"):
            describe()


def test_an_endpoint_that_refuses_a_call_is_deleted_too(account, model_data, pictures, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/mnist.npz", **pictures | {"x_test": pictures["x_test"][:, :27]})
    monkeypatch.chdir(tmp_path)
    own = Examples(account)
    with pytest.raises(ClientError, match="ModelError"):
        own.run("deploy_v3.py", MODEL_DATA=model_data)
    assert own.request("DeleteEndpoint") == {"EndpointName": own.request("CreateEndpoint")["EndpointName"]}


def test_the_model_is_registered_with_its_metrics(examples, registered, trained, model_data, ecr_image):
    evaluation = model_data.replace("model.tar.gz", "evaluation.json")
    assert examples.request("CreateModelPackageGroup") == {"ModelPackageGroupName": "mlp"}
    request = examples.request("CreateModelPackage")
    (container,) = request["InferenceSpecification"].pop("Containers")
    # ModelBuilder adds variables of a framework's container, which the image has no use for.
    assert set(container.pop("Environment")) == {
        "SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY", "SAGEMAKER_CONTAINER_LOG_LEVEL", "SAGEMAKER_REGION"
    }
    assert container == {"Image": ecr_image, "ModelDataUrl": model_data}
    assert request.pop("ClientToken")
    assert request == {
        "ModelPackageGroupName": "mlp",
        "InferenceSpecification": {
            "SupportedContentTypes": ["application/json", "text/csv"],
            "SupportedResponseMIMETypes": ["application/json", "text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.c5.xlarge"],
            "SupportedTransformInstanceTypes": ["ml.c5.xlarge"],
        },
        "ModelMetrics": {
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": evaluation}},
            "Bias": {},
            "Explainability": {},
        },
        "ModelApprovalStatus": "PendingManualApproval",
        "CertifyForMarketplace": False,
        "SkipModelValidation": "None",
    }
    assert examples.read(evaluation) == reports_of(examples, trained.job.training_job_name)["evaluation.json"]
    assert registered.printed.strip() == boto3.client("sagemaker").list_model_packages(ModelPackageGroupName="mlp")[
        "ModelPackageSummaryList"
    ][0]["ModelPackageArn"]


def test_the_policy_of_the_caller_covers_what_the_examples_ask_for(examples, trained, tuned, deployed, registered):
    assert {f"sagemaker:{operation}" for operation, _ in examples.account.requests} <= actions("caller.json")
