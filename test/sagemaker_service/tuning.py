"""CreateHyperParameterTuningJob: draws values from the ranges and runs a training job with each."""

import concurrent.futures
import math
import random
import threading
import uuid

from .refusal import Refusal, in_use, not_found
from .training_job import arn, now

OBJECTIVE_KEY = "_tuning_objective_metric"
COPIED_AS_THEY_ARE = (
    "RoleArn", "InputDataConfig", "OutputDataConfig", "StoppingCondition", "Environment", "VpcConfig",
    "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining", "CheckpointConfig",
    "RetryStrategy",
)


def draw(ranges, number, generator):
    """A value's text for each parameter. Jobs 0 and 1 get the ends of the ranges, which belong to them."""
    values = {}
    for item in ranges.get("CategoricalParameterRanges", []):
        values[item["Name"]] = item["Values"][number % len(item["Values"])]
    for item in ranges.get("IntegerParameterRanges", []):
        values[item["Name"]] = str(round(_between(item, number, generator)))
    for item in ranges.get("ContinuousParameterRanges", []):
        values[item["Name"]] = repr(_between(item, number, generator))
    return values


def _between(item, number, generator):
    low, high = float(item["MinValue"]), float(item["MaxValue"])
    if low > high:
        raise Refusal(f"MinValue of {item['Name']} is greater than its MaxValue.")
    if number < 2:
        return (low, high)[number]
    scaling = item.get("ScalingType", "Auto")
    if scaling == "Logarithmic":
        return min(max(math.exp(generator.uniform(math.log(low), math.log(high))), low), high)
    if scaling == "ReverseLogarithmic":
        return min(max(1 - math.exp(generator.uniform(math.log(1 - high), math.log(1 - low))), low), high)
    return generator.uniform(low, high)


class TuningJob:
    def __init__(self, request, account):
        self.request, self._account = request, account
        self.name = request["HyperParameterTuningJobName"]
        self.arn = arn("hyper-parameter-tuning-job", self.name, account.region)
        self.config = request["HyperParameterTuningJobConfig"]
        self.definitions = request.get("TrainingJobDefinitions") or [request["TrainingJobDefinition"]]
        self.status, self.created, self.ended_at = "InProgress", now(), None
        self.tried = []  # (training job, its drawn values, its definition), in the order of their start
        self._stopping = False
        self._lock = threading.Lock()
        self._generator = random.Random(self.config.get("RandomSeed", 0))

    def run(self):
        limits = self.config["ResourceLimits"]
        with concurrent.futures.ThreadPoolExecutor(limits["MaxParallelTrainingJobs"]) as pool:
            list(pool.map(self._try, range(limits["MaxNumberOfTrainingJobs"])))
        succeeded = any(job.status == "Completed" for job, _, _ in self.tried)
        with self._lock:
            self.ended_at = now()
            self.status = "Stopped" if self._stopping else "Completed" if succeeded else "Failed"

    def stop(self):
        with self._lock:
            if self.ended_at:
                raise Refusal(f"The request was rejected because the tuning job is in status {self.status}.")
            self._stopping, self.status = True, "Stopping"

    def stop_tried(self):
        for job, _, _ in self.tried:
            job.stop()

    def _try(self, number):
        definition = self.definitions[number % len(self.definitions)]
        with self._lock:
            if self._stopping or self._account.closing:
                return
            ranges = definition.get("HyperParameterRanges") or self.config["ParameterRanges"]
            values = draw(ranges, number, self._generator)
            job = self._account.training.start(self._training_request(definition, number, values))
            self.tried.append((job, values, definition))
        self._account.wait_for(job)

    def _training_request(self, definition, number, values):
        static = definition.get("StaticHyperParameters", {})
        if both := static.keys() & values.keys():
            raise Refusal(f"Hyperparameters {sorted(both)} are static and tuned.")
        resources = definition.get("ResourceConfig") or _resources(definition["HyperParameterTuningResourceConfig"])
        return {
            "TrainingJobName": f"{self.name}-{number + 1:03}-{uuid.uuid4().hex[:8]}",
            "HyperParameters": static | values | {OBJECTIVE_KEY: self._objective(definition)["MetricName"]},
            "AlgorithmSpecification": definition["AlgorithmSpecification"],
            "ResourceConfig": resources,
        } | {key: definition[key] for key in COPIED_AS_THEY_ARE if key in definition}

    def _objective(self, definition):
        return definition.get("TuningObjective") or self.config["HyperParameterTuningJobObjective"]

    def check(self):
        """Refuses what could not be tuned."""
        for definition in self.definitions:
            name = self._objective(definition)["MetricName"]
            defined = [metric["Name"] for metric in definition["AlgorithmSpecification"].get("MetricDefinitions", [])]
            if name not in defined:
                raise Refusal(f"The objective metric {name} is none of the metric definitions {defined}.")
            self._training_request(definition, 0, draw(
                definition.get("HyperParameterRanges") or self.config["ParameterRanges"], 0, self._generator
            ))

    def summaries(self):
        return [self._summary(*tried) for tried in list(self.tried)]

    def _summary(self, job, values, definition):
        objective = self._objective(definition)
        value = job.final_metrics().get(objective["MetricName"]) if job.ended else None
        final = {"MetricName": objective["MetricName"], "Value": value, "Type": objective["Type"]}
        return job.summary() | {
            "TunedHyperParameters": values,
            "TrainingJobDefinitionName": definition.get("DefinitionName"),
            "ObjectiveStatus": "Succeeded" if value is not None else "Failed" if job.ended else "Pending",
            "FinalHyperParameterTuningJobObjectiveMetric": final if value is not None else None,
            "FailureReason": job.failure_reason,
        }

    def description(self):
        tried = self.summaries()
        scored = [item for item in tried if item["ObjectiveStatus"] == "Succeeded"]
        return self.request | {
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.ended_at or self.created,
            "HyperParameterTuningEndTime": self.ended_at,
            "TrainingJobStatusCounters": {
                "Completed": _count(tried, "TrainingJobStatus", "Completed"),
                "InProgress": _count(tried, "TrainingJobStatus", "InProgress", "Stopping"),
                "RetryableError": 0,
                "NonRetryableError": _count(tried, "TrainingJobStatus", "Failed"),
                "Stopped": _count(tried, "TrainingJobStatus", "Stopped"),
            },
            "ObjectiveStatusCounters": {
                status: _count(tried, "ObjectiveStatus", status) for status in ("Succeeded", "Pending", "Failed")
            },
            "BestTrainingJob": min(scored, key=_rank) if scored else None,
        }


def _rank(summary):
    final = summary["FinalHyperParameterTuningJobObjectiveMetric"]
    return final["Value"] if final["Type"] == "Minimize" else -final["Value"]


def _count(items, key, *values):
    return sum(item[key] in values for item in items)


def _resources(tuning_resources):
    first = tuning_resources.get("InstanceConfigs", [{}])[0]
    kept = {key: tuning_resources[key] for key in ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
            if key in tuning_resources}
    return {"VolumeSizeInGB": 30} | first | kept


class Tuning:
    def __init__(self, account):
        self._account = account
        self.jobs = {}

    def create_hyper_parameter_tuning_job(self, request):
        job = TuningJob(request, self._account)
        if job.name in self.jobs:
            raise in_use(f"Tuning job names must be unique: {job.name} is there.")
        job.check()
        self.jobs[job.name] = job
        if self._account.run:
            self._account.in_background(job.run, job)
        else:
            job.run()
        return {"HyperParameterTuningJobArn": job.arn}

    def _job(self, request):
        name = request["HyperParameterTuningJobName"]
        if name not in self.jobs:
            raise not_found(f"Amazon SageMaker can't find a tuning job with name {name}.")
        return self.jobs[name]

    def describe_hyper_parameter_tuning_job(self, request):
        return self._job(request).description()

    def stop_hyper_parameter_tuning_job(self, request):
        job = self._job(request)
        job.stop()
        threading.Thread(target=job.stop_tried).start()

    def list_training_jobs_for_hyper_parameter_tuning_job(self, request):
        found = [item for item in self._job(request).summaries()
                 if item["TrainingJobStatus"] == request.get("StatusEquals", item["TrainingJobStatus"])]
        if request.get("SortBy") == "FinalObjectiveMetricValue":
            found = sorted((item for item in found if item["ObjectiveStatus"] == "Succeeded"), key=_rank)
        return {"TrainingJobSummaries": found}
