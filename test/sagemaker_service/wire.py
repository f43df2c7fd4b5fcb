"""Where botocore would send a request: SageMaker's are answered by an account, and all others go on to moto."""

import io
import json
import re
import unittest.mock
import urllib.parse
import uuid

from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.response import StreamingBody
from botocore.utils import parse_to_aware_datetime
from botocore.validate import validate_parameters

from . import shapes
from .refusal import Refusal


class Wire:
    def __init__(self, account):
        self._account = account

    def patch(self):
        """Of what botocore calls with a request that it has checked and written out."""
        original = BaseClient._make_request

        def make_request(client, operation, request, context):
            play = self._player(operation)
            return _respond(play, operation, request) if play else original(client, operation, request, context)

        return unittest.mock.patch.object(BaseClient, "_make_request", make_request)

    def _player(self, operation):
        if operation.name == "SimulatePrincipalPolicy":
            return _allow_all
        return {"sagemaker": self._control, "sagemaker-runtime": self._invoke}.get(operation.service_model.service_name)

    def _control(self, operation, request):
        parameters = json.loads(request["body"])
        self._account.requests.append((operation.name, json.loads(request["body"])))
        if found := shapes.violations(parameters, operation.input_shape):
            raise Refusal(f"{len(found)} validation error{'s' * (len(found) > 1)} detected: {'; '.join(found)}")
        method = xform_name(operation.name)
        part = next((part for part in self._account.parts if hasattr(part, method)), None)
        if part is None:
            raise NotImplementedError(f"{operation.name} is not played")
        answer = getattr(part, method)(parameters) or {}
        return _fit(answer, operation.output_shape) if operation.output_shape else {}

    def _invoke(self, operation, request):
        if operation.name != "InvokeEndpoint":
            raise NotImplementedError(f"{operation.name} is not played")
        name = urllib.parse.unquote(re.fullmatch(r"/endpoints/([^/]+)/invocations", request["url_path"])[1])
        body = _bytes(request["body"])
        if found := shapes.violations(body, operation.input_shape.members["Body"], "body"):
            raise Refusal(f"1 validation error detected: {found[0]}", "ValidationError")
        answer = self._account.hosting.invoke_endpoint(name, dict(request["headers"]), body)
        stream = StreamingBody(io.BytesIO(answer["Body"]), len(answer["Body"]))
        return _fit(answer, operation.output_shape) | {"Body": stream}


def _respond(play, operation, request):
    """As botocore's own: the HTTP response, of which it looks at the status, and the parsed answer."""
    try:
        status, answer = 200, play(operation, request)
    except Refusal as refusal:
        error = {"Code": refusal.code, "Message": refusal.message}
        status, answer = refusal.status, {"Error": error} | refusal.fields
    about = {"HTTPStatusCode": status, "RequestId": str(uuid.uuid4()), "HTTPHeaders": {}, "RetryAttempts": 0}
    return AWSResponse(request["url"], status, {}, None), answer | {"ResponseMetadata": about}


def _allow_all(_operation, request):
    """IAM's answer on what a role may do, which moto has none of."""
    actions = [value for key, value in request["body"].items() if key.startswith("ActionNames.")]
    results = [{"EvalActionName": action, "EvalDecision": "allowed"} for action in actions]
    return {"EvaluationResults": results, "IsTruncated": False}


def _bytes(body):
    body = body.read() if hasattr(body, "read") else body
    return body.encode() if isinstance(body, str) else bytes(body)


def _fit(value, shape):
    """The fields that the operation's answer has, none of them None, held against the service model as well."""
    fitted = _members(value, shape)
    validate_parameters(fitted, shape)
    return fitted


def _members(value, shape):
    if shape.type_name == "structure":
        return {key: _members(member, shape.members[key]) for key, member in value.items()
                if key in shape.members and member is not None}
    if shape.type_name == "list":
        return [_members(member, shape.member) for member in value]
    if shape.type_name == "timestamp":
        return parse_to_aware_datetime(value)
    return value
