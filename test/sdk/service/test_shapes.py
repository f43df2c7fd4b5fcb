"""The harness refuses what SageMaker would refuse by its service model."""

import copy
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError
from platform_jobs import training_request
from sagemaker_service import Account, TrainingJob
from sagemaker_service.refusal import Refusal


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory):
    with Account(image="none", workspace=tmp_path_factory.mktemp("account"), run=False):
        yield boto3.client("sagemaker", region_name="eu-west-1")


def changed(path, value):
    """A good request but for the value at the path."""
    request = copy.deepcopy(training_request(f"good-{uuid.uuid4()}"))
    *parents, last = path
    place = request
    for parent in parents:
        place = place[parent]
    place[last] = value
    return request


@pytest.mark.parametrize("path, value, constraint", [
    (["TrainingJobName"], "under_score", "regular expression pattern"),
    (["TrainingJobName"], "a" * 64, "regular expression pattern"),
    (["TrainingJobName"], "line-end\n", "regular expression pattern"),
    (["RoleArn"], "arn:aws:iam::1234:role/too-few-digits", "regular expression pattern"),
    (["InputDataConfig", 0, "ChannelName"], "a b", "regular expression pattern"),
    (["ResourceConfig", "InstanceType"], "ml.c99.xlarge", "enum value set"),
    (["AlgorithmSpecification", "TrainingInputMode"], "Fast", "enum value set"),
    (["AlgorithmSpecification", "MetricDefinitions"], [{"Name": "m", "Regex": "x" * 501}], "length less than or equal"),
    (["AlgorithmSpecification", "MetricDefinitions"], [{"Name": "m", "Regex": "x"}] * 41, "length less than or equal"),
    (["HyperParameters"], {"epochs": "1" * 2501}, "length less than or equal to 2500"),
    (["HyperParameters"], {"k" * 257: "1"}, "length less than or equal to 256"),
    (["Environment"], {"1ST": "x"}, "regular expression pattern"),
    (["Environment"], {f"K{number}": "x" for number in range(101)}, "length less than or equal to 100"),
    (["RetryStrategy"], {"MaximumRetryAttempts": 31}, "value less than or equal to 30"),
    (["Tags"], [{"Key": "price", "Value": "$"}], "regular expression pattern"),
])
def test_a_value_beyond_the_service_model_is_a_validation_exception(sagemaker, path, value, constraint):
    with pytest.raises(ClientError, match=constraint) as refused:
        sagemaker.create_training_job(**changed(path, value))
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("path, value", [
    (["TrainingImage"], "unknown key"),
    (["StoppingCondition", "MaxRuntimeInSeconds"], "3600"),
    (["StoppingCondition", "MaxRuntimeInSeconds"], 0),
    (["HyperParameters"], {"epochs": 5}),
    (["InputDataConfig"], []),
])
def test_unknown_keys_wrong_types_and_minima_are_refused_by_botocore(sagemaker, path, value):
    with pytest.raises(ParamValidationError):
        sagemaker.create_training_job(**changed(path, value))


@pytest.mark.parametrize("path, value", [
    (["TrainingJobName"], "a" * 63),
    (["Environment"], {"TEXT": "of two\nlines, with $ and \u00e9"}),
    (["Tags"], [{"Key": "team", "Value": "\u00e9quipe 1+1=2 @home"}]),
    (["AlgorithmSpecification", "MetricDefinitions"], [{"Name": "m", "Regex": f"({'x' * 498})"}] * 40),
])
def test_values_at_the_limits_pass(sagemaker, path, value):
    sagemaker.create_training_job(**changed(path, value))


@pytest.mark.parametrize("regex", ["loss: [0-9.]+", "(loss): ([0-9.]+)", "loss: ("])
def test_a_metrics_expression_has_one_group(sagemaker, regex):
    with pytest.raises(ClientError, match="one group"):
        sagemaker.create_training_job(
            **changed(["AlgorithmSpecification", "MetricDefinitions"], [{"Name": "m", "Regex": regex}])
        )


def test_a_job_without_an_account_is_held_against_the_model_as_well(tmp_path):
    with pytest.raises(ParamValidationError):
        TrainingJob(changed(["HyperParameters"], {"epochs": 5}), "none", {}, tmp_path)
    with pytest.raises(Refusal, match="regular expression pattern"):
        TrainingJob(changed(["TrainingJobName"], "under_score"), "none", {}, tmp_path)


def test_members_that_the_service_does_not_ask_for_may_be_left_out(sagemaker):
    request = training_request("few-members", EnableManagedSpotTraining=True)
    del request["StoppingCondition"], request["ResourceConfig"], request["InputDataConfig"]
    with pytest.raises(ClientError, match="MaxWaitTimeInSeconds"):
        sagemaker.create_training_job(**request)
    sagemaker.create_training_job(**request | {"EnableManagedSpotTraining": False})


@pytest.mark.parametrize("settings", [
    {},
    {"StoppingCondition": {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 99}},
])
def test_spot_waits_at_least_as_long_as_it_runs(sagemaker, settings):
    with pytest.raises(ClientError, match="MaxWaitTimeInSeconds"):
        sagemaker.create_training_job(**training_request("spot", EnableManagedSpotTraining=True, **settings))


def test_names_are_used_once_and_missing_jobs_are_told(sagemaker):
    sagemaker.create_training_job(**training_request("once"))
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_training_job(**training_request("once"))
    with pytest.raises(ClientError, match="not found"):
        sagemaker.describe_training_job(TrainingJobName="never")


def test_pipe_mode_is_refused_loudly(sagemaker):
    request = training_request("pipe", algorithm={"TrainingInputMode": "Pipe"})
    del request["InputDataConfig"][0]["InputMode"]
    with pytest.raises(NotImplementedError, match="Pipe"):
        sagemaker.create_training_job(**request)


def test_warm_pools_are_refused_loudly(sagemaker):
    with pytest.raises(NotImplementedError, match="warm pools"):
        sagemaker.create_training_job(**changed(["ResourceConfig", "KeepAlivePeriodInSeconds"], 600))
