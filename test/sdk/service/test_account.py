"""Whatever happens in an account, nothing of it is left."""

import time
import types
import uuid

import boto3
import pytest
from botocore.client import BaseClient
from platform_jobs import containers_of, shell, table, training_request
from sagemaker_service import Account
from sagemaker_service.containers import Container

SDK_CODE = """
import time

def wait():
    began = time.time()
    time.sleep(30)
    return time.time() - began
"""


def test_an_account_that_is_left_by_an_error_ends_its_jobs_at_once(image, tmp_path):
    make_request = BaseClient._make_request
    with pytest.raises(KeyError), Account(image=image, workspace=tmp_path) as account:
        account.bucket("bucket")
        account.storage.write("s3://bucket/train/table.csv", table(["no", "yes"]))
        sagemaker = boto3.client("sagemaker", region_name="eu-west-1")
        sagemaker.create_training_job(**training_request("long", algorithm=shell("echo here; sleep 60")))
        deadline = time.monotonic() + 300
        while "here" not in account.training_job("long").log:
            assert time.monotonic() < deadline and not account.training_job("long").ended
            time.sleep(0.3)
        assert containers_of(account)
        leaving = time.monotonic()
        raise KeyError("of the test")
    assert time.monotonic() - leaving < 30
    assert not containers_of(account)
    assert BaseClient._make_request is make_request


def test_without_running_jobs_are_completed_at_once(tmp_path):
    with Account(image="none", workspace=tmp_path, run=False) as account:
        sagemaker = boto3.client("sagemaker", region_name="eu-west-1")
        sagemaker.create_training_job(**training_request("recorded"))
        assert sagemaker.describe_training_job(TrainingJobName="recorded")["TrainingJobStatus"] == "Completed"
    assert [name for name, _ in account.requests] == ["CreateTrainingJob", "DescribeTrainingJob"]
    assert account.requests_of("CreateTrainingJob") == [training_request("recorded")]


def test_a_fault_of_the_harness_is_told_at_the_end(tmp_path):
    with pytest.raises(RuntimeError, match="no-such-image"), Account("no-such-image", tmp_path) as account:
        account.bucket("bucket")
        account.storage.write("s3://bucket/train/table.csv", table(["no", "yes"]))
        boto3.client("sagemaker", region_name="eu-west-1").create_training_job(**training_request("fails"))
        account.wait_for(account.training_job("fails"))
        assert account.training_job("fails").status == "Failed"


def test_a_container_that_cannot_start_is_not_left(image):
    owner = types.SimpleNamespace(owner=uuid.uuid4().hex)
    with pytest.raises(RuntimeError, match="no-such-network"):
        Container(image, [], owner=owner.owner, network="no-such-network")
    assert not containers_of(owner)


def test_a_container_that_was_removed_counts_as_killed(image):
    container = Container(image, ["-c", "sleep 60"], owner=uuid.uuid4().hex, entrypoint=["/bin/sh"])
    container.remove()
    assert container.wait() == 137


def test_operations_that_are_not_played_are_told(tmp_path):
    with pytest.raises(NotImplementedError, match="ListHubs"), Account("none", tmp_path):
        boto3.client("sagemaker", region_name="eu-west-1").list_hubs()


def test_the_clock_is_fast_for_the_sdks_alone(tmp_path):
    sdk = types.ModuleType("sagemaker.session")
    exec(SDK_CODE, sdk.__dict__)
    with Account("none", tmp_path):
        began = time.time()
        assert sdk.wait() == pytest.approx(30, abs=5)
        assert time.time() - began < 5
