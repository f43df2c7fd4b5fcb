"""The examples of SDK 2 for SageMaker itself, as they are: what they ask of the service, and what comes of it."""

import copy
import csv
import json
import re

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from deploy_page import actions
from hyperparameter_table import understood
from keras_oracle import TOLERANCE, predict
from managed_examples import BUCKET, FOLDER, LAST_PLACE, ROLE, Examples
from sagemaker_service import Account

RANGES = {"epochs": (50, 200), "learning_rate": (0.0001, 0.1), "batch_size": (32, 256), "drop_rate": (0.0, 1.0)}


def reports_of(examples, job_name: str) -> dict[str, bytes]:
    return examples.files(f"{BUCKET}/{job_name}/output/output.tar.gz")


@pytest.fixture(scope="module")
def trained(examples):
    return examples.run("train_v2.py")


@pytest.fixture(scope="module")
def tuned(examples, trained):
    return examples.run("tune_v2.py")


@pytest.fixture(scope="module")
def deployed(examples, trained):
    return examples.run("deploy_v2.py", MODEL_DATA=trained.estimator.model_data)


@pytest.fixture(scope="module")
def registered(examples, trained):
    return examples.run("register_v2.py", MODEL_DATA=trained.estimator.model_data)


@pytest.fixture(scope="module")
def theirs(examples, trained, pictures) -> np.ndarray:
    """Of the first 20 test pictures, by Keras."""
    archive = examples.account.training_job(trained.job_name).model_archive
    return predict(archive, pictures["x_test"][:20] / 255)


TRAINING_CHANNEL = {
    "ChannelName": "training",
    "DataSource": {
        "S3DataSource": {
            "S3DataType": "S3Prefix",
            "S3Uri": f"{BUCKET}/mlp/data/train/mnist.npz",
            "S3DataDistributionType": "FullyReplicated",
        }
    },
}


def test_a_training_job_is_asked_for(examples, trained, ecr_image, metric_definitions):
    request = copy.deepcopy(examples.account.training_job(trained.job_name).request)
    # The SDK adds them; the image reads neither.
    del request["DebugHookConfig"], request["ProfilerConfig"]
    assert request == {
        "TrainingJobName": trained.job_name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": ecr_image,
            "TrainingInputMode": "File",
            "MetricDefinitions": metric_definitions,
        },
        "HyperParameters": {"epochs": "10", "batch_size": "128", "learning_rate": "0.001", "drop_rate": "0.8"},
        "InputDataConfig": [TRAINING_CHANNEL],
        "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/"},
        "ResourceConfig": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
        "CheckpointConfig": {"S3Uri": f"{BUCKET}/mlp/checkpoints/{trained.job_name}"},
        "ExperimentConfig": {
            "ExperimentName": "mlp",
            "TrialName": "Default-Run-Group-mlp",
            "RunName": f"mlp-{trained.job_name}",
        },
    }


def test_the_experiment_that_the_job_belongs_to_is_made_before_it(examples, trained):
    names = {"Experiment": "mlp", "Trial": "Default-Run-Group-mlp", "TrialComponent": f"mlp-{trained.job_name}"}
    operations = [operation for operation, _ in examples.account.requests]
    for kind, name in names.items():
        assert examples.request(f"Create{kind}")[f"{kind}Name"] == name
        assert operations.index(f"Create{kind}") < operations.index("CreateTrainingJob")


def test_the_job_s_metrics_are_those_of_its_reports(examples, trained, metric_definitions):
    job = examples.account.training_job(trained.job_name)
    reports = reports_of(examples, trained.job_name)
    epochs = [
        {name: float(value) for name, value in row.items()}
        for row in csv.DictReader(reports["history.csv"].decode().splitlines())
    ]
    assert [row["epoch"] for row in epochs] == list(range(1, 11))
    for part, prefix in (("train", ""), ("validation", "val_")):
        for metric in ("loss", "accuracy"):
            seen = [value for name, value in job.metrics if name == f"{part}:{metric}"]
            # The values of the model that is kept follow.
            assert len(seen) == 11
            assert seen[:10] == pytest.approx([row[prefix + metric] for row in epochs], rel=0, abs=LAST_PLACE)

    final = {
        metric["MetricName"]: metric["Value"]
        for metric in trained.estimator.latest_training_job.describe()["FinalMetricDataList"]
    }
    assert set(final) == {definition["Name"] for definition in metric_definitions}
    for metric in ("loss", "accuracy"):
        assert final[f"validation:{metric}"] == pytest.approx(epochs[-1][f"val_{metric}"], rel=0, abs=LAST_PLACE)
    kept = json.loads(reports["metrics.json"])
    for part, rows in (("train", "training"), ("validation", "validation"), ("test", "test")):
        for metric in ("loss", "accuracy"):
            assert final[f"{part}:{metric}"] == pytest.approx(kept[rows][metric], rel=0, abs=LAST_PLACE)


def test_the_job_names_its_model(examples, trained):
    model_data = f"{BUCKET}/{trained.job_name}/output/model.tar.gz"
    assert f"export MODEL_DATA={model_data}\n" in trained.printed
    assert "model.h5" in examples.files(model_data)


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
                "CategoricalParameterRanges": [],
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {},
            "RoleArn": ROLE,
            "AlgorithmSpecification": {
                "TrainingImage": ecr_image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [*metric_definitions, {"Name": "validation:error", "Regex": validation_loss}],
            },
            "InputDataConfig": [TRAINING_CHANNEL],
            "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/"},
            "HyperParameterTuningResourceConfig": {
                "InstanceType": "ml.c5.xlarge",
                "InstanceCount": 1,
                "VolumeSizeInGB": 30,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        },
    }


def test_every_job_of_the_tuner_trains_with_the_typed_values_that_it_was_given(examples, tuned):
    assert len(tuned.jobs) == 4
    for name in tuned.jobs["TrainingJobName"]:
        job = examples.account.training_job(name)
        assert job.status == "Completed", job.failure_reason
        given = {hyperparameter: job.request["HyperParameters"][hyperparameter] for hyperparameter in RANGES}
        used = understood(job.model_archive).hyperparameters
        for hyperparameter, (low, high) in RANGES.items():
            assert type(used[hyperparameter]) is type(low)
            assert used[hyperparameter] == type(low)(given[hyperparameter])
            assert low <= used[hyperparameter] <= high
        assert len(reports_of(examples, name)["history.csv"].splitlines()) == 1 + used["epochs"]


def test_the_tuner_goes_by_the_validation_loss_and_names_the_best_model(examples, tuned):
    losses = {}
    for name, objective in zip(tuned.jobs["TrainingJobName"], tuned.jobs["FinalObjectiveValue"]):
        losses[name] = json.loads(reports_of(examples, name)["metrics.json"])["validation"]["loss"]
        assert objective == pytest.approx(losses[name], rel=0, abs=LAST_PLACE)
    best = min(losses, key=losses.get)
    assert f"export MODEL_DATA={BUCKET}/{best}/output/model.tar.gz\n" in tuned.printed


def test_an_endpoint_is_asked_for(examples, deployed, trained, ecr_image):
    name = deployed.name
    assert examples.request("CreateModel") == {
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": ecr_image, "Environment": {}, "ModelDataUrl": trained.estimator.model_data},
    }
    assert examples.request("CreateEndpointConfig") == {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InitialVariantWeight": 1,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.c5.xlarge",
            }
        ],
    }
    assert examples.request("CreateEndpoint") == {"EndpointName": name, "EndpointConfigName": name, "Tags": []}


def test_the_endpoint_predicts_what_keras_does(deployed, theirs):
    np.testing.assert_allclose(deployed.predictions, theirs, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(deployed.answers, theirs, rtol=0, atol=TOLERANCE)


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


def test_nothing_that_was_deployed_is_left(examples, deployed):
    client = boto3.client("sagemaker")
    for kind in ("Endpoint", "EndpointConfig", "Model"):
        assert examples.request(f"Delete{kind}") == {f"{kind}Name": deployed.name}
    for describe in (client.describe_endpoint, client.describe_endpoint_config, client.describe_model):
        operation = describe.__name__.removeprefix("describe_").title().replace("_", "")
        with pytest.raises(ClientError):
            describe(**{f"{operation}Name": deployed.name})


def test_the_model_is_registered_with_its_metrics(examples, registered, trained, ecr_image):
    model_data = trained.estimator.model_data
    evaluation = model_data.replace("model.tar.gz", "evaluation.json")
    assert examples.request("CreateModelPackageGroup") == {"ModelPackageGroupName": "mlp"}
    request = examples.request("CreateModelPackage")
    assert request.pop("ClientToken")  # botocore's
    assert request == {
        "ModelPackageGroupName": "mlp",
        "InferenceSpecification": {
            "Containers": [{"Image": ecr_image, "Environment": {}, "ModelDataUrl": model_data}],
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
    reports = reports_of(examples, trained.job_name)
    assert examples.read(evaluation) == reports["evaluation.json"]
    accuracy = json.loads(reports["evaluation.json"])["multiclass_classification_metrics"]["accuracy"]["value"]
    assert accuracy == json.loads(reports["metrics.json"])["test"]["accuracy"]


def test_an_endpoint_that_refuses_a_call_is_deleted_too(image, trained, pictures, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/mnist.npz", **pictures | {"x_test": pictures["x_test"][:, :27]})
    monkeypatch.chdir(tmp_path)
    model_data = trained.estimator.model_data  # asks the examples' account
    with Account(image=image, workspace=tmp_path / "account") as account:
        own = Examples(account)
        with pytest.raises(ClientError, match="ModelError"):
            own.run("deploy_v2.py", MODEL_DATA=model_data)
    assert own.request("DeleteEndpoint") == {"EndpointName": own.request("CreateEndpoint")["EndpointName"]}


def test_the_page_names_every_example_and_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", (FOLDER / "README.md").read_text())
    others = {path.name for path in FOLDER.iterdir() if path.is_file()} - {"README.md"}
    assert others == {link for link in links if "/" not in link}
    assert all((FOLDER / link).exists() for link in links)


def test_the_policy_of_the_caller_covers_what_the_examples_ask_for(examples, trained, tuned, deployed, registered):
    assert {f"sagemaker:{operation}" for operation, _ in examples.account.requests} <= actions("caller.json")
