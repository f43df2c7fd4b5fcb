"""CreateTransformJob: cuts S3 objects into requests, posts them to a server, and joins the answers to .out objects."""

import concurrent.futures
import gzip
import re

from .hosting import Server, execution_parameters
from .refusal import in_use, not_found
from .storage import join, split
from .training_job import arn, now

LOG_GROUP = "/aws/sagemaker/TransformJobs"
MEGABYTE = 1 << 20
MOST_CONCURRENT_MEGABYTES = 100
INVOCATION_SECONDS = 600
STRATEGIES = {"SINGLE_RECORD": "SingleRecord", "MULTI_RECORD": "MultiRecord"}  # as the container and as requests say it


def records(content, split_type):
    """What an object consists of; lines keep their ends."""
    if split_type == "None":
        return [content]
    if split_type == "Line":
        return re.findall(rb"[^\n]*\n|[^\n]+", content)
    raise NotImplementedError(f"SplitType {split_type} is not played")


def requests(content, split_type, strategy, limit):
    """The bodies to post: whole records, as many as the limit lets through, or one each."""
    bodies = []
    for record in records(content, split_type):
        if len(record) > limit:
            raise ValueError(f"a record of {len(record)} bytes is larger than MaxPayloadInMB")
        if bodies and strategy == "MultiRecord" and len(bodies[-1]) + len(record) <= limit:
            bodies[-1] += record
        else:
            bodies.append(record)
    return bodies


def assemble(answers, assemble_with):
    """Line adds a line end to each answer, whatever it ends with."""
    return b"".join(answer + b"\n" for answer in answers) if assemble_with == "Line" else b"".join(answers)


class TransformJob:
    def __init__(self, request, account):
        self.request, self._account = request, account
        self.name = request["TransformJobName"]
        self.arn = arn("transform-job", self.name, account.region)
        self.status, self.failure_reason = "InProgress", None
        self.times = {"CreationTime": now()}
        self.server = None
        if request.get("DataProcessing"):
            raise NotImplementedError("DataProcessing is not played")

    @property
    def ended(self):
        return self.status in ("Completed", "Failed", "Stopped")

    def run(self):
        self.times["TransformStartTime"] = now()
        server = self.server = Server(
            self._account, self._account.hosting.containers(self.request["ModelName"]), self._environment()
        )
        try:
            if server.wait_until_healthy():
                self._transform(server)
            else:
                self.failure_reason = "AlgorithmError: the model's container did not pass the ping health check."
        except FileNotFoundError as error:
            self.failure_reason = f"ClientError: {error}"
        finally:
            server.stop()
            self._account.write_log(LOG_GROUP, f"{self.name}/i-1", server.log)
        self.times["TransformEndTime"] = now()
        self.status = "Failed" if self.failure_reason else "Completed"

    def _environment(self):
        """SAGEMAKER_BATCH always, the others where the caller set them."""
        names = {
            "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
            "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
        }
        values = {variable: str(self.request[key]) for key, variable in names.items() if key in self.request}
        if strategy := self.request.get("BatchStrategy"):
            values["SAGEMAKER_BATCH_STRATEGY"] = next(name for name, value in STRATEGIES.items() if value == strategy)
        return self.request.get("Environment", {}) | values | {"SAGEMAKER_BATCH": "true"}

    def _transform(self, server):
        advice = execution_parameters(server)
        limit = self.request.get("MaxPayloadInMB", advice.get("MaxPayloadInMB", 6))
        concurrent_requests = self.request.get("MaxConcurrentTransforms", advice.get("MaxConcurrentTransforms", 1))
        strategy = self.request.get("BatchStrategy") or STRATEGIES[advice.get("BatchStrategy", "MULTI_RECORD")]
        if limit * concurrent_requests > MOST_CONCURRENT_MEGABYTES:
            self.failure_reason = "ClientError: MaxConcurrentTransforms times MaxPayloadInMB is more than 100."
            return
        source = self.request["TransformInput"]["DataSource"]["S3DataSource"]
        found = self._account.storage.objects(source["S3Uri"])
        if not found:
            self.failure_reason = f"ClientError: No S3 objects found under {source['S3Uri']}"
        with concurrent.futures.ThreadPoolExecutor(max(1, concurrent_requests)) as pool:
            for key, relative in found:
                self._transform_object(server, pool, key, relative, strategy, limit * MEGABYTE or float("inf"))

    def _transform_object(self, server, pool, key, relative, strategy, limit):
        inputs, output = self.request["TransformInput"], self.request["TransformOutput"]
        content = self._account.storage.read(f"s3://{split(inputs['DataSource']['S3DataSource']['S3Uri'])[0]}/{key}")
        if inputs.get("CompressionType") == "Gzip":
            content = gzip.decompress(content)
        headers = {"Content-Type": inputs.get("ContentType"), "Accept": output.get("Accept")}
        headers = {name: value for name, value in headers.items() if value}
        try:
            bodies = requests(content, inputs.get("SplitType", "None"), strategy, limit)
        except ValueError as error:
            self.failure_reason = f"ClientError: {relative}: {error}"
            return
        seconds = self.request.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", INVOCATION_SECONDS)
        answers = list(pool.map(lambda body: server.ask("/invocations", body, headers, seconds), bodies))
        if bad := [answer for status, _, answer in answers if status != 200]:
            self.failure_reason = f"AlgorithmError: {relative}: {bad[0].decode('utf-8', 'replace')}"[:1024]
            return
        joined = assemble([answer for _, _, answer in answers], output.get("AssembleWith", "None"))
        self._account.storage.write(join(output["S3OutputPath"], relative + ".out"), joined)

    def description(self):
        return self.request | self.times | {
            "TransformJobArn": self.arn,
            "TransformJobStatus": self.status,
            "FailureReason": self.failure_reason,
        }


class Transform:
    def __init__(self, account):
        self._account = account
        self.jobs = {}

    def create_transform_job(self, request):
        job = TransformJob(request, self._account)
        if job.name in self.jobs:
            raise in_use(f"Job name must be unique within an AWS account and region: {job.name} is there.")
        self._account.hosting.containers(request["ModelName"])
        self.jobs[job.name] = job
        if self._account.run:
            self._account.in_background(job.run, job)
        else:
            job.status = "Completed"
        return {"TransformJobArn": job.arn}

    def job(self, name):
        if name not in self.jobs:
            raise not_found(f"Could not find requested job with name: {name}")
        return self.jobs[name]

    def describe_transform_job(self, request):
        return self.job(request["TransformJobName"]).description()
