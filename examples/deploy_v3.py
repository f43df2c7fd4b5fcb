"""Serves a trained model on SageMaker: an endpoint, called by the SDK and by boto3, and a batch transform job."""

import json

import boto3
import numpy as np
from mlp_image import setting
from sagemaker.core.common_utils import name_from_base
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.s3 import S3Downloader, S3Uploader
from sagemaker.core.serializers import CSVSerializer
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.core.transformer import Transformer

image = setting("MLP_IMAGE", "the image in ECR, as make push prints it")
role = setting("SAGEMAKER_ROLE", "the ARN of the role that the job takes on")
model_data = setting("MODEL_DATA", "the s3://.../model.tar.gz that train_v3.py prints")

with np.load("data/mnist.npz") as arrays:
    x, y = arrays["x_test"][:20] / 255, arrays["y_test"][:20]

session = Session()
name = name_from_base("mlp")
model = Model.create(
    model_name=name,
    primary_container=ContainerDefinition(image=image, model_data_url=model_data),
    execution_role_arn=role,
)
variant = ProductionVariant(
    variant_name="all", model_name=name, initial_instance_count=1, instance_type="ml.c5.xlarge"
)
endpoint_config = EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name)
try:
    endpoint.wait_for_status("InService")
    response = endpoint.invoke(body=json.dumps(x.tolist()), content_type="application/json")
    predictions = json.loads(response.body.read())["predictions"]
    print("SDK:  ", np.argmax(predictions, axis=1), "truth:", y)

    runtime = boto3.client("sagemaker-runtime")
    answers = []
    for picture in x:
        response = runtime.invoke_endpoint(
            EndpointName=name, ContentType="application/json", Body=json.dumps(picture.tolist())
        )
        answers += json.loads(response["Body"].read())["predictions"]
    print("boto3:", np.argmax(answers, axis=1), "truth:", y)
finally:
    endpoint.delete()  # it costs money until then
    endpoint_config.delete()

# A batch job writes rows.csv.out, with a line for each line of rows.csv.
rows = S3Uploader.upload_string_as_file_body(
    CSVSerializer().serialize(x.reshape(len(x), -1)),
    f"s3://{session.default_bucket()}/mlp/data/rows/rows.csv",
    sagemaker_session=session,
)
transformer = Transformer(
    model_name=name,
    instance_count=1,
    instance_type="ml.c5.xlarge",
    strategy="MultiRecord",
    accept="text/csv",
    base_transform_job_name="mlp",
    sagemaker_session=session,
)
try:
    transformer.transform(rows, content_type="text/csv", split_type="Line")
    lines = S3Downloader.read_file(f"{transformer.output_path}/rows.csv.out", sagemaker_session=session).splitlines()
    probabilities = np.loadtxt(lines, delimiter=",")
    print("batch:", np.argmax(probabilities, axis=1), "truth:", y)
finally:
    model.delete()
