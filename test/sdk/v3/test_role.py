"""SDK 3's check of the job's role, over the role of docs/deploy-to-aws.md."""

import json

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from deploy_page import allows, policies
from moto import mock_aws
from sagemaker.core.helper.iam_role_resolver import RoleValidationError
from sagemaker.core.helper.session_helper import Session
from sagemaker.train.defaults import TrainDefaults


@pytest.fixture
def role():
    with mock_aws():
        trust = json.dumps(policies()["trust.json"])
        yield boto3.client("iam").create_role(RoleName="mlp", AssumeRolePolicyDocument=trust)["Role"]["Arn"]


@pytest.fixture
def attach(monkeypatch):
    """Makes IAM's simulation, which moto has not, answer for a role with the named policies; for none it is refused."""
    make_api_call = BaseClient._make_api_call

    def attach(*names):
        def call(client, operation, parameters):
            if operation != "SimulatePrincipalPolicy":
                return make_api_call(client, operation, parameters)
            if not names:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed to simulate"}}, operation)
            decisions = [
                (action, "allowed" if any(allows(name, action) for name in names) else "implicitDeny")
                for action in parameters["ActionNames"]
            ]
            found = [{"EvalActionName": action, "EvalDecision": decision} for action, decision in decisions]
            return {"EvaluationResults": found, "IsTruncated": False}

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    return attach


def check(role: str) -> str:
    """As ModelTrainer does with the role that it is given."""
    return TrainDefaults.get_role(role=role, sagemaker_session=Session(boto_session=boto3.Session()))


def test_role_without_vpc_is_refused_for_that_alone(role, attach):
    attach("role.json")
    with pytest.raises(RoleValidationError) as refusal:
        check(role)
    missing = next(line for line in str(refusal.value).splitlines() if "ec2:" in line)
    assert "ecr:" not in missing and "cloudwatch:" not in missing and "logs:" not in missing


def test_role_with_vpc_is_taken(role, attach):
    attach("role.json", "vpc.json")
    assert check(role) == role


def test_role_is_taken_where_the_check_is_off(role, attach, monkeypatch):
    attach("role.json")
    monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "false")
    assert check(role) == role


def test_role_is_taken_where_the_caller_may_not_ask(role, attach):
    attach()
    assert check(role) == role
