"""Endpoints and batch transform jobs of a trained model, as the service runs them."""

import json

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from platform_jobs import IMAGE_IN_ECR, ROLE, table, training_request
from sagemaker_service.transform import records

ARCHIVE = "s3://bucket/results/of-the-model/output/model.tar.gz"


@pytest.fixture(scope="module")
def model(account, sagemaker):
    """The name of a model from a training job over s3://bucket/train."""
    sagemaker.create_training_job(**training_request("of-the-model"))
    account.wait_for(account.training_job("of-the-model"))
    return create_model(sagemaker, "model")


def create_model(sagemaker, name, uri=ARCHIVE, **environment):
    container = {"Image": IMAGE_IN_ECR, "ModelDataUrl": uri, "Environment": environment}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    return name


def variant(model, name="AllTraffic"):
    return {"VariantName": name, "ModelName": model, "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 1}


def deploy(account, sagemaker, model, name):
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(model)])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    account.wait_for(account.endpoint(name))
    return sagemaker.describe_endpoint(EndpointName=name)


@pytest.fixture(scope="module")
def endpoint(account, sagemaker, model):
    described = deploy(account, sagemaker, model, "endpoint")
    assert described["EndpointStatus"] == "InService", account.endpoint("endpoint").log
    return "endpoint"


@pytest.fixture(scope="module")
def runtime(account):
    return boto3.client("sagemaker-runtime", region_name="eu-west-1")


def test_an_invocation_passes_types_and_body(runtime, endpoint):
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=b"0.1,0.2\n1,-1\n", ContentType="text/csv", Accept="application/jsonlines",
    )
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("application/jsonlines", "AllTraffic")
    rows = [json.loads(line)["predictions"] for line in answer["Body"].read().splitlines()]
    assert [int(np.argmax(row)) for row in rows] == [0, 1]


def test_nothing_is_added_to_an_invocation_without_types(runtime, endpoint):
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=b"[[0.1, 0.2]]")
    assert len(json.loads(answer["Body"].read())["predictions"]) == 1


def test_an_endpoint_cannot_write_to_its_model(account, endpoint):
    (mount,) = account.endpoint(endpoint).server.container.inspect()["Mounts"]
    assert (mount["Destination"], mount["RW"]) == ("/opt/ml/model", False)


def test_an_invocation_with_all_headers_that_boto3_can_send(runtime, endpoint):
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, Body=json.dumps([[0.1, 0.2]]), ContentType="application/json",
        CustomAttributes="tfs-model-name=mlp,tfs-method=predict", TargetVariant="AllTraffic", InferenceId="1",
        EnableExplanations="`false`", SessionId="s",
    )
    assert len(json.loads(answer["Body"].read())["predictions"]) == 1


@pytest.mark.parametrize("body, types, status", [
    (b"1,2,3,4", {"ContentType": "text/csv"}, 400),
    (b"<x/>", {"ContentType": "application/xml"}, 415),
    (b"\x0a\x23\xd7\xce", {"ContentType": "application/x-recordio-protobuf"}, 415),
    (b"1,2", {"ContentType": "text/csv", "Accept": "image/png"}, 406),
])
def test_an_error_of_the_container_is_a_model_error_with_its_text(runtime, endpoint, body, types, status):
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=body, **types)
    response = refused.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424 and response["OriginalStatusCode"] == status
    assert json.loads(response["OriginalMessage"])["error"]


def test_a_body_above_the_services_limit_does_not_reach_the_container(runtime, endpoint):
    with pytest.raises(ClientError, match="6291456"):
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b" " * (6291456 + 1))


def test_a_deleted_endpoint_ends_with_0_and_answers_no_more(account, sagemaker, runtime, model):
    deploy(account, sagemaker, model, "to-delete")
    sagemaker.delete_endpoint(EndpointName="to-delete")
    assert account.endpoint("to-delete").exit_code == 0
    with pytest.raises(ClientError, match="not found"):
        runtime.invoke_endpoint(EndpointName="to-delete", Body=b"1,2", ContentType="text/csv")
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.describe_endpoint(EndpointName="to-delete")


def test_an_endpoint_over_an_archive_without_model_fails_at_once(account, sagemaker):
    empty = create_model(sagemaker, "no-model", ARCHIVE.replace("model.tar.gz", "output.tar.gz"))
    described = deploy(account, sagemaker, empty, "no-model")
    assert described["EndpointStatus"] == "Failed" and "ping health check" in described["FailureReason"]
    assert "model.h5" in account.endpoint("no-model").log


def test_an_update_answers_by_the_new_model(account, sagemaker, runtime, model):
    deploy(account, sagemaker, model, "updated")
    other = create_model(sagemaker, "model-2", SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv")
    sagemaker.create_endpoint_config(EndpointConfigName="updated-2", ProductionVariants=[variant(other, "v2")])
    sagemaker.update_endpoint(EndpointName="updated", EndpointConfigName="updated-2")
    account.wait_for(account.endpoint("updated"))
    answer = runtime.invoke_endpoint(EndpointName="updated", Body=b"1,2", ContentType="text/csv")
    assert answer["ContentType"] == "text/csv" and answer["InvokedProductionVariant"] == "v2"


def test_an_update_that_is_unhealthy_leaves_what_there_was(account, sagemaker, runtime, model):
    deploy(account, sagemaker, model, "kept")
    empty = create_model(sagemaker, "no-model-2", ARCHIVE.replace("model.tar.gz", "output.tar.gz"))
    sagemaker.create_endpoint_config(EndpointConfigName="kept-2", ProductionVariants=[variant(empty, "v2")])
    sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="kept-2")
    ask = {"EndpointName": "kept", "Body": b"1,2", "ContentType": "text/csv"}
    assert sagemaker.describe_endpoint(EndpointName="kept")["EndpointStatus"] == "Updating"
    assert runtime.invoke_endpoint(**ask)["InvokedProductionVariant"] == "AllTraffic"
    account.wait_for(account.endpoint("kept"))
    described = sagemaker.describe_endpoint(EndpointName="kept")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "kept")
    assert "ping health check" in described["FailureReason"]
    assert runtime.invoke_endpoint(**ask)["InvokedProductionVariant"] == "AllTraffic"


@pytest.mark.parametrize("written", ["true", "True"])
def test_an_empty_object_of_a_batch_job_gets_an_empty_answer(account, sagemaker, model, written):
    """True, as the local modes write it, too."""
    name = create_model(sagemaker, f"batch-{written}", SAGEMAKER_BATCH=written)
    deploy(account, sagemaker, name, name)
    status, _, body = account.endpoint(name).server.ask("/invocations", b"", {"Content-Type": "text/csv"})
    assert (status, body) == (200, b"")


def transform(account, sagemaker, model, name, source, inputs=None, outputs=None, **fields):
    sagemaker.create_transform_job(
        TransformJobName=name, ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}, "ContentType": "text/csv",
        } | (inputs or {}),
        TransformOutput={"S3OutputPath": f"s3://bucket/out/{name}"} | (outputs or {}),
        TransformResources={"InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
        **fields,
    )
    account.wait_for(account.transform_job(name))
    return sagemaker.describe_transform_job(TransformJobName=name)


@pytest.fixture(scope="module")
def rows(account):
    """Feature rows in two objects, one of them in a folder and without a last line end."""
    lines = [line.rsplit(b",", 1)[0] + b"\n" for line in table(["no", "yes"], rows=40).splitlines()[1:]]
    account.storage.write("s3://bucket/batch/first.csv", b"".join(lines[:30]))
    account.storage.write("s3://bucket/batch/deep/second.csv", b"".join(lines[30:])[:-1])
    return {"first.csv": lines[:30], "deep/second.csv": lines[30:]}


@pytest.mark.parametrize("name, inputs, outputs, settings", [
    ("whole", {}, {}, {}),
    ("lines", {"SplitType": "Line"}, {"Accept": "text/csv"}, {}),
    ("single", {"SplitType": "Line"}, {}, {"BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 4}),
    ("joined", {"SplitType": "Line"}, {"AssembleWith": "Line"}, {"BatchStrategy": "MultiRecord", "MaxPayloadInMB": 1}),
])
def test_a_batch_job_writes_a_line_for_each_line(
    account, sagemaker, runtime, model, endpoint, rows, name, inputs, outputs, settings
):
    described = transform(account, sagemaker, model, name, "s3://bucket/batch", inputs, outputs, **settings)
    assert described["TransformJobStatus"] == "Completed", described.get("FailureReason")
    for file, lines in rows.items():
        written = account.storage.read(f"s3://bucket/out/{name}/{file}.out")
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=b"".join(lines), ContentType="text/csv", Accept="text/csv",
        )
        expected = answer["Body"].read().splitlines()
        assert len(expected) == len(lines) and written.endswith(b"\n")
        assert [line for line in written.splitlines() if line] == expected


@pytest.mark.parametrize("settings, variables", [
    ({}, {}),
    (
        {"BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 2, "MaxPayloadInMB": 3},
        {"SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
         "SAGEMAKER_MAX_PAYLOAD_IN_MB": "3"},
    ),
], ids=["alone", "settings"])
def test_a_batch_jobs_container_is_told_so(account, sagemaker, model, rows, settings, variables):
    name = f"variables-{len(settings)}"
    transform(account, sagemaker, model, name, "s3://bucket/batch", **settings)
    environment = account.transform_job(name).server.environment
    told = {key: value for key, value in environment.items() if key.startswith("SAGEMAKER_")}
    assert told == variables | {"SAGEMAKER_BATCH": "true"}


def test_lines_end_at_line_feeds_alone():
    assert records(b"a\rb\r\nc\x0bd\n\ne", "Line") == [b"a\rb\r\n", b"c\x0bd\n", b"\n", b"e"]


def test_a_batch_job_over_a_bucket_that_is_not_there_fails(account, sagemaker, model):
    described = transform(account, sagemaker, model, "nowhere", "s3://nowhere/rows")
    assert described["FailureReason"] == "ClientError: NoSuchBucket: s3://nowhere/rows"


def test_an_empty_object_becomes_an_empty_object(account, sagemaker, model):
    account.storage.write("s3://bucket/empty/rows.csv", b"")
    described = transform(account, sagemaker, model, "empty", "s3://bucket/empty")
    assert described["TransformJobStatus"] == "Completed", described.get("FailureReason")
    assert account.storage.read("s3://bucket/out/empty/rows.csv.out") == b""


def test_an_object_that_the_model_refuses_fails_the_job_and_leaves_the_others(account, sagemaker, model):
    account.storage.write("s3://bucket/mixed/bad.csv", b"1,2,3,4,5\n")
    account.storage.write("s3://bucket/mixed/good.csv", b"1,2\n")
    described = transform(account, sagemaker, model, "mixed", "s3://bucket/mixed", {"SplitType": "Line"})
    assert described["TransformJobStatus"] == "Failed" and "bad.csv" in described["FailureReason"]
    assert [name for _, name in account.storage.objects("s3://bucket/out/mixed")] == ["good.csv.out"]


def test_more_than_100_mb_at_once_are_refused(account, sagemaker, model):
    account.storage.write("s3://bucket/one/row.csv", b"1,2\n")
    described = transform(
        account, sagemaker, model, "too-much", "s3://bucket/one", MaxPayloadInMB=50, MaxConcurrentTransforms=3,
    )
    assert described["TransformJobStatus"] == "Failed"
