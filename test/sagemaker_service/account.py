"""The account: what runs in it, and everything that the code under test asked for and left behind."""

import contextlib
import json
import threading
import time
import traceback
import uuid

import boto3
import moto

from . import containers
from .hosting import Hosting
from .records import Records
from .registry import Registry
from .sdk_clock import SdkClock
from .storage import Storage
from .training import Training
from .training_job import ACCOUNT_ID, REGION
from .transform import Transform
from .tuning import Tuning
from .wire import Wire

EVENTS_PER_CALL = 1000  # of CloudWatch Logs, which takes at most 10,000


class Account:
    """An AWS account whose SageMaker runs `image` for every image's name, within the process and a `with` block.

    S3, STS, IAM and CloudWatch Logs are moto's. All that runs has ended, and every container is gone, when the block
    is left. With run=False requests are checked and recorded, jobs are Completed and endpoints InService at once.
    """

    def __init__(self, image, workspace, run=True, region=REGION):
        self.image, self.workspace, self.run, self.region = image, workspace, run, region
        self.number = ACCOUNT_ID
        self.owner = uuid.uuid4().hex
        self.requests = []  # (operation, parameters) of SageMaker, in order
        self.closing = False
        self.records, self.registry = Records(self), Registry(self)
        self.training, self.tuning = Training(self), Tuning(self)
        self.hosting, self.transform = Hosting(self), Transform(self)
        self.parts = [self.records, self.registry, self.training, self.tuning, self.hosting, self.transform]
        self._threads = {}  # what is run -> its thread
        self._faults = []
        self._buckets = set()
        self._roles = {}  # name -> ARN
        self._lock = threading.RLock()
        self._exit = contextlib.ExitStack()

    def __enter__(self):
        for patch in [moto.mock_aws(), Wire(self).patch(), *SdkClock().patches()]:
            self._exit.enter_context(patch)
        self._exit.callback(containers.remove_all_of, self.owner)
        self.s3 = boto3.client("s3", region_name=self.region)
        self.logs = boto3.client("logs", region_name=self.region)
        self.storage = Storage(self.s3)
        return self

    def __exit__(self, kind, *_):
        self.closing = True
        with self._exit:
            self.training.cancel_all()
            containers.remove_all_of(self.owner)
            for thread in list(self._threads.values()):
                thread.join()
        if self._faults and kind is None:
            raise self._faults[0]

    def bucket(self, name):
        """The name, of a bucket that is there."""
        if name not in self._buckets:
            self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.region})
            self._buckets.add(name)
        return name

    def role(self, name="SageMakerRole"):
        """The ARN of a role that SageMaker may take on; that it may do everything is IAM's answer here."""
        if name not in self._roles:
            trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            iam = boto3.client("iam", region_name=self.region)
            self._roles[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        return self._roles[name]

    def requests_of(self, operation):
        return [parameters for name, parameters in self.requests if name == operation]

    def training_job(self, name):
        return self.training.job(name)

    def transform_job(self, name):
        return self.transform.job(name)

    def endpoint(self, name):
        """The endpoint, also of a name that was deleted; its server's log and exit code."""
        return self.hosting.deleted.get(name) or self.hosting.endpoint(name)

    def wait_for(self, item):
        """Returns when the job or endpoint is no longer in progress."""
        if thread := self._threads.get(item):
            thread.join()

    def in_background(self, function, item):
        def run():
            try:
                function()
            except Exception as error:
                if not self.closing:
                    traceback.print_exc()
                    self._faults.append(error)
                item.status, item.failure_reason = "Failed", f"InternalServerError: {error}"

        thread = self._threads[item] = threading.Thread(target=run)
        thread.start()

    def write_log(self, group, stream, text):
        """Lines into CloudWatch Logs, as far as the log can still be read."""
        with self._lock:
            if not self.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
                self.logs.create_log_group(logGroupName=group)
            self.logs.create_log_stream(logGroupName=group, logStreamName=stream)
            milliseconds = int(time.time() * 1000)
            events = [{"timestamp": milliseconds, "message": line} for line in text.splitlines() if line]
            for first in range(0, len(events), EVENTS_PER_CALL):
                batch = events[first:first + EVENTS_PER_CALL]
                self.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
