"""CreateTrainingJob and what goes with it, with data and results on S3."""

import threading
import time

from . import metrics
from .refusal import Refusal, in_use, not_found
from .storage import fetch_source, join
from .training_job import TrainingJob

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class S3TrainingJob(TrainingJob):
    def __init__(self, request, account):
        super().__init__(request, account.image, {}, account.workspace, account.owner, account.region)
        self._account = account

    def fetch(self):
        if "CheckpointConfig" in self.request and self._account.storage.objects(self._checkpoint_uri):
            self._account.storage.download(self._checkpoint_uri, self.checkpoints)
        folder = self.root.parent / "s3"
        return {
            channel["ChannelName"]: fetch_source(
                self._account.storage, channel["DataSource"]["S3DataSource"], folder / channel["ChannelName"]
            )
            for channel in self.request.get("InputDataConfig", [])
        }

    def deliver(self):
        storage, results = self._account.storage, self._results
        if self.model_archive:
            if self._compressed:
                storage.write(join(results, "model.tar.gz"), self.model_archive.read_bytes())
            else:
                storage.upload(self.root / "model", join(results, "model"))
            storage.write(join(results, "output.tar.gz"), self.output_archive.read_bytes())
        if "CheckpointConfig" in self.request and self.checkpoints.exists():
            storage.mirror(self.checkpoints, self._checkpoint_uri)
        self._account.write_log(LOG_GROUP, f"{self.name}/algo-1-{int(time.time())}", self.log)

    @property
    def _results(self):
        return join(self.request["OutputDataConfig"]["S3OutputPath"], self.name, "output")

    @property
    def _checkpoint_uri(self):
        return join(self.request["CheckpointConfig"]["S3Uri"], "")

    @property
    def _compressed(self):
        return self.request["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP"

    @property
    def model_uri(self):
        return join(self._results, "model.tar.gz" if self._compressed else "model/")

    def summary(self):
        return {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "LastModifiedTime": self.transitions[-1]["StartTime"],
        } | self.times

    def final_metrics(self):
        """The last value of each metric."""
        return dict(self.metrics)

    def description(self):
        return self.request | self.summary() | {
            "OutputDataConfig": {"KmsKeyId": ""} | self.request["OutputDataConfig"],
            "SecondaryStatus": self.secondary_status,
            "SecondaryStatusTransitions": self.transitions,
            "FailureReason": self.failure_reason,
            "ModelArtifacts": {"S3ModelArtifacts": self.model_uri},
        } | (self._what_came_of_it() if "TrainingEndTime" in self.times else {})

    def _what_came_of_it(self):
        end = self.times["TrainingEndTime"]
        seconds = max(1, round((end - self.times["TrainingStartTime"]).total_seconds()))
        return {
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
            "FinalMetricDataList": [
                {"MetricName": name, "Value": value, "Timestamp": end} for name, value in self.final_metrics().items()
            ],
        }


class Training:
    def __init__(self, account):
        self._account = account
        self.jobs = {}

    def create_training_job(self, request):
        job = self.start(request)
        return {"TrainingJobArn": job.arn}

    def start(self, request):
        """The job, which a thread of its own runs."""
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise in_use(f"Training job names must be unique within an AWS account: {name} is there.")
        if request.get("EnableManagedSpotTraining"):
            stopping = request.get("StoppingCondition", {})
            if stopping.get("MaxWaitTimeInSeconds", 0) < stopping.get("MaxRuntimeInSeconds", 86400):
                raise Refusal("MaxWaitTimeInSeconds must be at least MaxRuntimeInSeconds for managed spot training.")
        for definition in request["AlgorithmSpecification"].get("MetricDefinitions", []):
            if metrics.groups(definition["Regex"]) != 1:
                raise Refusal(f"The expression of metric {definition['Name']} has not exactly one group.")
        job = self.jobs[name] = S3TrainingJob(request, self._account)
        self._account.records.add_trial_component_of(job)
        if self._account.run:
            self._account.in_background(job.run, job)
        else:
            job.skip()
        return job

    def job(self, name):
        if name not in self.jobs:
            raise not_found()
        return self.jobs[name]

    def describe_training_job(self, request):
        return self.job(request["TrainingJobName"]).description()

    def stop_training_job(self, request):
        job = self.job(request["TrainingJobName"])
        if job.ended:
            raise Refusal(f"The request was rejected because the training job is in status {job.status}.")
        threading.Thread(target=job.stop).start()

    def cancel_all(self):
        for job in self.jobs.values():
            job.cancel()
