"""A training job: from a CreateTrainingJob request to archives, status, log and metrics, by way of a container."""

import datetime
import json
import shutil
import threading

from . import archives, metrics, shapes
from .containers import Container

REGION = "eu-west-1"
ACCOUNT_ID = "123456789012"
GRACE_SECONDS = 120
MOST_SECONDS = 86400  # of a job whose request sets no limit
FAILURE_REASON_CHARACTERS = 1024


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def arn(kind, name, region=REGION):
    return f"arn:aws:sagemaker:{region}:{ACCOUNT_ID}:{kind}/{name.lower()}"


class TrainingJob:
    """Runs one job of one host. `inputs` holds the file or folder of each channel.

    The status is of the service's: InProgress, Stopping, then Completed, Failed or Stopped; `secondary_status` tells
    the step, and the reason of a stop. run() belongs to one thread; stop() and the properties to any.
    """

    def __init__(self, request, image, inputs, workspace, owner="job", region=REGION):
        self.request = request
        self.name = request["TrainingJobName"]
        self.arn = arn("training-job", self.name, region)
        self.root = workspace / self.name / "ml"
        self.exit_code = None
        self.failure_reason = None
        self.model_archive = None
        self.output_archive = None
        self.times = {"CreationTime": now()}
        self.transitions = []
        self._image, self._inputs, self._owner, self._region = image, inputs, owner, region
        self._container = None
        self._final_log = ""
        self._stop_reason = None
        self._lock = threading.RLock()
        self.status = "InProgress"
        shapes.check(request, "CreateTrainingJob")
        self._refuse_what_is_not_played()
        self._enter("InProgress", "Starting")

    def run(self):
        self._enter("InProgress", "Downloading")
        try:
            self._inputs = self.fetch()
        except FileNotFoundError as error:
            self._end("Failed", "Failed", f"ClientError: {error}")
            return self
        self._lay_out()
        self._enter("InProgress", "Training")
        self.times["TrainingStartTime"] = now()
        self._run_container()
        self.times["TrainingEndTime"] = now()
        if self._stop_reason:
            self._pack()
            self._end("Stopped", self._stop_reason)
        elif self.exit_code != 0:
            self._end("Failed", "Failed", self._failure())
        else:
            self._enter("InProgress", "Uploading")
            self._pack()
            self._end("Completed", "Completed")
        return self

    def fetch(self):
        """The folder or file of each channel; FileNotFoundError where there is nothing."""
        return self._inputs

    def deliver(self):
        """Brings the results to where the caller looks for them, before the status says that they are there."""

    def stop(self, reason="Stopped"):
        """SIGTERM, then SIGKILL after 120 s; returns when the container has ended. Nothing where it had."""
        with self._lock:
            if self.ended or self.exit_code is not None:
                return
            self._stop_reason = self._stop_reason or reason
            self._enter("Stopping", "Stopping")
            container = self._container
        if container:
            container.stop(GRACE_SECONDS)

    def skip(self):
        """Completed without a container and without results."""
        self.times |= {"TrainingStartTime": now(), "TrainingEndTime": now()}
        self._enter("Completed", "Completed")

    def cancel(self):
        """Lets no container start any more; one that runs is its owner's to remove."""
        with self._lock:
            self._stop_reason = self._stop_reason or "Stopped"

    @property
    def ended(self):
        return self.status in ("Completed", "Failed", "Stopped")

    @property
    def log(self):
        """The lines of stdout and stderr so far, as CloudWatch shows them."""
        container = self._container
        so_far = container.log() if container else ""
        return self._final_log or metrics.escape(so_far)

    @property
    def metrics(self):
        """(name, value) of the request's metric definitions, in the log's order."""
        return metrics.collect(self.request["AlgorithmSpecification"].get("MetricDefinitions", []), self.log)

    def matches(self, regex, every=False):
        """The numbers that the expression finds in the log: of each line the first, or every one."""
        return metrics.matches(regex, self.log, every)

    def _refuse_what_is_not_played(self):
        resources = self.request.get("ResourceConfig", {})
        if resources.get("KeepAlivePeriodInSeconds"):
            raise NotImplementedError("warm pools are not played")
        if resources.get("InstanceCount", 1) != 1 or resources.get("InstanceGroups"):
            raise NotImplementedError("several hosts are not played")
        for channel in self.request.get("InputDataConfig", []):
            if self._input_mode(channel) == "Pipe":
                raise NotImplementedError("Pipe mode is not played")
            if "S3DataSource" not in channel["DataSource"]:
                raise NotImplementedError("file systems are not played")

    def _input_mode(self, channel):
        return channel.get("InputMode") or self.request["AlgorithmSpecification"]["TrainingInputMode"]

    def _lay_out(self):
        for folder in ("input/config", "input/data", "model", "output/data", "output/metrics/sagemaker", "errors"):
            (self.root / folder).mkdir(parents=True)
        self._configure("hyperparameters", self.request.get("HyperParameters", {}))
        self._configure("inputdataconfig", {
            channel["ChannelName"]: self._channel(channel) for channel in self.request.get("InputDataConfig", [])
        })
        self._configure("resourceconfig", self._resources())
        # Of the service's own, with names alone known: no program should read them.
        for name in ("init-config", "metric-definition-regex"):
            self._configure(name, {})
        for key, name in (("DebugHookConfig", "debughookconfig"), ("ProfilerConfig", "profilerconfig")):
            if key in self.request:
                self._configure(name, self.request[key])
        if "CheckpointConfig" in self.request:
            self._configure("checkpointconfig", {"LocalPath": self.checkpoint_path})
            self.checkpoints.mkdir(exist_ok=True)
        for channel in self.request.get("InputDataConfig", []):
            self._place(channel)

    @property
    def checkpoint_path(self):
        return self.request["CheckpointConfig"].get("LocalPath", "/opt/ml/checkpoints")

    @property
    def checkpoints(self):
        """The folder on this side that the container sees at checkpoint_path."""
        return self.root.parent / "checkpoints"

    def _configure(self, name, content):
        (self.root / f"input/config/{name}.json").write_text(json.dumps(content))

    def _channel(self, channel):
        source = channel["DataSource"]["S3DataSource"]
        settings = {
            "TrainingInputMode": self._input_mode(channel),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        return settings | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})

    def _resources(self):
        kind = self.request.get("ResourceConfig", {}).get("InstanceType")
        group, hosts = "homogeneousCluster", ["algo-1"]
        return {
            "current_host": "algo-1",
            "current_instance_type": kind,
            "current_group_name": group,
            "hosts": hosts,
            "instance_groups": [{"instance_group_name": group, "instance_type": kind, "hosts": hosts}],
            "network_interface_name": "eth0",
            "topology": None,
        }

    def _fast_file(self, channel):
        return self.root.parent / "fast_file" / channel["ChannelName"]

    def _place(self, channel):
        """File: the channel is a copy; FastFile: it is mounted, so its place in the tree stays empty."""
        name = channel["ChannelName"]
        source, place = self._inputs[name], self.root / "input/data" / name
        if self._input_mode(channel) == "FastFile":
            place.mkdir()
            place = self._fast_file(channel)
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            place.mkdir(parents=True)
            shutil.copy(source, place)
        files = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
        (self.root / f"input/data/{name}-manifest").write_text("\n".join(files) + "\n")

    def _mounts(self):
        mounts = [f"{self.root}:/opt/ml"]
        for channel in self.request.get("InputDataConfig", []):
            if self._input_mode(channel) == "FastFile":
                mounts.append(f"{self._fast_file(channel)}:/opt/ml/input/data/{channel['ChannelName']}:ro")
        if "CheckpointConfig" in self.request:
            mounts.append(f"{self.checkpoints}:{self.checkpoint_path}")
        return mounts

    def _command(self):
        """The entry point and the arguments: `train` only where the request has neither."""
        algorithm = self.request["AlgorithmSpecification"]
        entrypoint, arguments = algorithm.get("ContainerEntrypoint", []), algorithm.get("ContainerArguments", [])
        return entrypoint, arguments if entrypoint or arguments else ["train"]

    def _environment(self):
        return {
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
            "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
            "AWS_REGION": self._region,
            "SAGEMAKER_METRICS_DIRECTORY": "/opt/ml/output/metrics/sagemaker",
        } | self.request.get("Environment", {})

    def _run_container(self):
        entrypoint, arguments = self._command()
        with self._lock:
            if self._stop_reason:
                return
            self._container = Container(
                self._image, arguments, owner=self._owner, entrypoint=entrypoint, environment=self._environment(),
                mounts=self._mounts(), network="none" if self.request.get("EnableNetworkIsolation") else "bridge",
            )
        self.times["TrainingStartTime"] = now()
        try:
            limit = self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", MOST_SECONDS)
            code = self._container.wait(limit)
            if code is None:
                self.stop("MaxRuntimeExceeded")
                code = self._container.wait()
            with self._lock:
                self.exit_code = code
            self._final_log = metrics.escape(self._container.log())
        finally:
            self._container.remove()
            self._container = None

    def _pack(self):
        self.model_archive = archives.pack(self.root / "model", self.root.parent / "model.tar.gz")
        self.output_archive = archives.pack(self.root / "output/data", self.root.parent / "output.tar.gz")

    def _failure(self):
        path = self.root / "output/failure"
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        ending = f", exit code: {self.exit_code}"
        return f"AlgorithmError: {text}"[:FAILURE_REASON_CHARACTERS - len(ending)] + ending

    def _enter(self, status, secondary):
        with self._lock:
            if self.status == "Stopping" and status == "InProgress":
                return
            self.status, self.secondary_status = status, secondary
            self.transitions.append({"Status": secondary, "StartTime": now(), "StatusMessage": secondary})

    def _end(self, status, secondary, failure_reason=None):
        self.deliver()
        with self._lock:
            self.failure_reason = failure_reason
            self._enter(status, secondary)
