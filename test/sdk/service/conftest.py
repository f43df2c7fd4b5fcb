import boto3
import pytest
from platform_jobs import containers_of, table, training_request
from sagemaker_service import Account


@pytest.fixture(scope="module")
def account(image, tmp_path_factory):
    """An account with a table in s3://bucket/train, for all tests of a module."""
    with Account(image=image, workspace=tmp_path_factory.mktemp("account")) as account:
        account.bucket("bucket")
        account.storage.write("s3://bucket/train/table.csv", table(["no", "yes"]))
        yield account
    assert not containers_of(account)


@pytest.fixture(scope="module")
def sagemaker(account):
    return boto3.client("sagemaker", region_name="eu-west-1")


@pytest.fixture
def train(account, sagemaker):
    """Starts a job, waits for its end, and returns it with the platform's description of it."""

    def run(name, *arguments, **fields):
        sagemaker.create_training_job(**training_request(name, *arguments, **fields))
        job = account.training_job(name)
        account.wait_for(job)
        return job, sagemaker.describe_training_job(TrainingJobName=name)

    return run
