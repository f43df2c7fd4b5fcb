"""Tuning jobs over the demo's ranges: what each training job is given, and what comes back."""

import random
import time

import pytest
from botocore.exceptions import ClientError
from platform_jobs import HYPERPARAMETERS, hyperparameters_of, training_request
from sagemaker_service.tuning import draw

OBJECTIVE = "validation:error"
RANGES = {
    "IntegerParameterRanges": [
        {"Name": "epochs", "MinValue": "50", "MaxValue": "200", "ScalingType": "Linear"},
        {"Name": "batch_size", "MinValue": "32", "MaxValue": "256"},
    ],
    "ContinuousParameterRanges": [
        {"Name": "learning_rate", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        {"Name": "drop_rate", "MinValue": "0.0", "MaxValue": "1.0"},
    ],
}


def tuning_request(name, ranges, static, jobs=4, objective=OBJECTIVE):
    training = training_request(name)
    definitions = [{"Name": OBJECTIVE, "Regex": r"val_loss: ([0-9\.]+)"}]
    del training["TrainingJobName"], training["HyperParameters"]
    training["AlgorithmSpecification"]["MetricDefinitions"] = definitions
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": objective},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": training | {"StaticHyperParameters": static},
    }


@pytest.fixture(scope="module")
def tuned(account, sagemaker):
    """The description of a tuning job over the demo's ranges, and its training jobs."""
    static = {key: HYPERPARAMETERS[key] for key in ("target", "validation_split")}
    sagemaker.create_hyper_parameter_tuning_job(**tuning_request("tuned", RANGES, static))
    account.wait_for(account.tuning.jobs["tuned"])
    described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
    listed = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="tuned")
    return described, listed["TrainingJobSummaries"]


def test_all_jobs_report_the_objective(tuned):
    described, summaries = tuned
    assert described["HyperParameterTuningJobStatus"] == "Completed"
    assert described["TrainingJobStatusCounters"]["Completed"] == len(summaries) == 4
    assert described["ObjectiveStatusCounters"] == {"Succeeded": 4, "Pending": 0, "Failed": 0}


def test_the_best_job_is_that_of_the_smallest_objective(tuned):
    described, summaries = tuned
    values = {
        item["TrainingJobName"]: item["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for item in summaries
    }
    assert described["BestTrainingJob"]["TrainingJobName"] == min(values, key=values.get)


def test_each_job_is_told_the_objective_and_texts_within_the_ranges(account, tuned):
    _, summaries = tuned
    for item in summaries:
        given = account.training_job(item["TrainingJobName"]).request["HyperParameters"]
        assert given["_tuning_objective_metric"] == OBJECTIVE and given["target"] == "y"
        assert item["TunedHyperParameters"].items() <= given.items()
        assert 50 <= int(given["epochs"]) <= 200 and 32 <= int(given["batch_size"]) <= 256
        assert 0.0001 <= float(given["learning_rate"]) <= 0.1 and 0 <= float(given["drop_rate"]) <= 1


def test_jobs_train_as_many_epochs_as_they_were_given(account, tuned):
    for item in tuned[1]:
        job = account.training_job(item["TrainingJobName"])
        assert len(job.matches(r"^Epoch ([0-9]+)/")) == int(item["TunedHyperParameters"]["epochs"])


def test_both_ends_are_tried_and_a_drop_rate_of_1_is_judged_each_epoch(account, tuned):
    rates = {item["TunedHyperParameters"]["drop_rate"]: item for item in tuned[1]}
    assert {"0.0", "1.0"} <= rates.keys()
    job = account.training_job(rates["1.0"]["TrainingJobName"])
    assert job.status == "Completed" and len(job.metrics) == 200


def test_values_in_exponent_form_arrive(account, sagemaker):
    ranges = {"ContinuousParameterRanges": [
        {"Name": "learning_rate", "MinValue": "1e-06", "MaxValue": "1e-5", "ScalingType": "Logarithmic"},
    ]}
    static = {key: value for key, value in HYPERPARAMETERS.items() if key != "learning_rate"}
    sagemaker.create_hyper_parameter_tuning_job(**tuning_request("exponents", ranges, static, jobs=2))
    job = account.tuning.jobs["exponents"]
    account.wait_for(job)
    assert sorted(values["learning_rate"] for _, values, _ in job.tried) == ["1e-05", "1e-06"]
    for tried, values, _ in job.tried:
        assert tried.status == "Completed", tried.log
        used = hyperparameters_of((tried.root / "model/model.h5").read_bytes())
        assert used["learning_rate"] == float(values["learning_rate"])


def test_a_stopped_tuning_job_stops_its_jobs(account, sagemaker):
    ranges = {"IntegerParameterRanges": [{"Name": "epochs", "MinValue": "10000000", "MaxValue": "20000000"}]}
    static = {key: value for key, value in HYPERPARAMETERS.items() if key != "epochs"}
    sagemaker.create_hyper_parameter_tuning_job(**tuning_request("stopped-tuning", ranges, static))
    job = account.tuning.jobs["stopped-tuning"]
    deadline = time.monotonic() + 300
    while not any("Epoch 1/" in tried.log for tried, _, _ in list(job.tried)):
        assert time.monotonic() < deadline and job.status == "InProgress"
        time.sleep(0.3)
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped-tuning")
    account.wait_for(job)
    described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped-tuning")
    assert described["HyperParameterTuningJobStatus"] == "Stopped"
    assert 1 <= described["TrainingJobStatusCounters"]["Stopped"] <= 2 and len(job.tried) <= 2
    with pytest.raises(ClientError, match="Stopped"):
        sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped-tuning")


def test_an_objective_without_definition_is_refused(sagemaker):
    with pytest.raises(ClientError, match="validation:loss"):
        sagemaker.create_hyper_parameter_tuning_job(**tuning_request("o", RANGES, {}, objective="validation:loss"))


def test_a_hyperparameter_is_static_or_tuned(sagemaker):
    with pytest.raises(ClientError, match="epochs"):
        sagemaker.create_hyper_parameter_tuning_job(**tuning_request("s", RANGES, {"epochs": "5"}))


def test_logarithmic_draws_spread_over_the_orders_of_magnitude():
    generator = random.Random(0)
    values = [float(draw(RANGES, number, generator)["learning_rate"]) for number in range(2, 302)]
    assert all(0.0001 <= value <= 0.1 for value in values)
    # A third of a logarithmic scale of three decades lies below 0.001, and a hundredth of a linear one.
    assert 60 < sum(value < 0.001 for value in values) < 140
