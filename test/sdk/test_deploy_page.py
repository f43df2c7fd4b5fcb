"""docs/deploy-to-aws.md: its policies, before IAM as moto has it, and its facts, before botocore's service models."""

import json
import os
import pathlib
import re
import subprocess
import sys

import botocore.session
import pytest
from deploy_page import TEXT, actions, allows, policies
from moto.server import ThreadedMotoServer

ACCOUNT, REGION = "111122223333", "eu-west-1"
TRAINING_JOB = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/mlp-1"
BUCKET = f"arn:aws:s3:::sagemaker-{REGION}-{ACCOUNT}"
# What IAM checks under another name than the operation's: ListObjectsV2 and HeadBucket; passing a role is none.
NOT_OPERATIONS = {"s3:ListBucket", "iam:PassRole"}
MODELS = {"sagemaker": ("sagemaker", "sagemaker-runtime")}


@pytest.fixture(scope="module")
def model():
    session = botocore.session.get_session()
    return session.get_service_model


def test_policies_are_the_ones_that_the_page_names():
    assert set(policies()) == {"push.json", "trust.json", "role.json", "vpc.json", "caller.json"}


@pytest.mark.parametrize("name", policies())
def test_policy_names_operations_of_the_services(model, name):
    for action in actions(name) - NOT_OPERATIONS:
        service, operation = action.split(":")
        known = {known for part in MODELS.get(service, (service,)) for known in model(part).operation_names}
        assert operation in known, action


def test_commands_make_a_role_that_sagemaker_can_take_on(tmp_path):
    for name, policy in policies().items():
        (tmp_path / name).write_text(json.dumps(policy))
    commands = "".join(re.findall(r"^    (aws iam .*\n|export SAGEMAKER_ROLE.*\n)", TEXT, re.MULTILINE))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        environment = {
            **os.environ,
            "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        }
        done = subprocess.run(
            ["sh", "-euc", commands + "echo $SAGEMAKER_ROLE"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
        )
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "arn:aws:iam::123456789012:role/mlp"


@pytest.mark.parametrize(
    "name, action, resource, allowed",
    [
        ("role.json", "s3:GetObject", f"{BUCKET}/mlp/data/train/mnist.npz", True),
        ("role.json", "s3:PutObject", f"{BUCKET}/mlp-1/output/model.tar.gz", True),
        ("role.json", "s3:ListBucket", BUCKET, True),
        ("role.json", "s3:GetObject", "arn:aws:s3:::another/mnist.npz", False),
        ("role.json", "s3:DeleteObject", f"{BUCKET}/mlp/data/train/mnist.npz", False),
        ("role.json", "ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/sagemaker-mlp", True),
        ("role.json", "ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/another", False),
        ("role.json", "ecr:PutImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/sagemaker-mlp", False),
        ("caller.json", "sagemaker:CreateTrainingJob", TRAINING_JOB, True),
        ("caller.json", "sagemaker:DeleteDomain", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:domain/d-1", False),
        ("caller.json", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/mlp", True),
        ("caller.json", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", False),
        ("push.json", "ecr:PutImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/sagemaker-mlp", True),
        ("push.json", "ecr:PutImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/another", False),
        ("push.json", "ecr:BatchDeleteImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/sagemaker-mlp", False),
    ],
)
def test_policy_allows_no_more_than_needed(name, action, resource, allowed):
    assert allows(name, action, resource) == allowed


def test_role_is_passed_to_sagemaker_alone():
    (statement,) = [one for one in policies()["caller.json"]["Statement"] if one["Action"] == "iam:PassRole"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_instance_types_are_there(model):
    training = set(model("sagemaker").shape_for("TrainingInstanceType").enum)
    endpoint = set(model("sagemaker").shape_for("ProductionVariantInstanceType").enum)
    rows = re.findall(r"^\| .* \| (.*ml\..*) \| (.*) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 3
    for for_training, for_endpoint in rows:
        assert set(re.findall(r"`(.+?)`", for_training)) <= training
        assert set(re.findall(r"`(.+?)`", for_endpoint)) <= endpoint


def test_graviton_serves_but_does_not_train(model):
    def graviton(shape):
        return {name for name in model("sagemaker").shape_for(shape).enum if re.match(r"ml\.[a-z]\dg[a-z]?\.", name)}

    assert graviton("ProductionVariantInstanceType")
    assert not graviton("TrainingInstanceType") | graviton("TransformInstanceType")


def test_warm_pools_last_as_long_as_the_page_says(model):
    (seconds,) = re.findall(r"At most (\d+)\s+seconds", TEXT)
    assert int(seconds) == model("sagemaker").shape_for("KeepAlivePeriodInSeconds").metadata["max"]


def test_links_within_the_repository_lead_somewhere():
    docs = pathlib.Path(__file__).resolve().parents[2] / "docs"
    links = re.findall(r"\]\((?!https)([^)#]+)", TEXT)
    assert links
    assert not [link for link in links if not (docs / link).exists()]
