"""Serves a trained model on SageMaker: an endpoint, called by the SDK and by boto3, and a batch transform job."""

import json

import boto3
import numpy as np
from mlp_image import setting
from sagemaker import Model, Predictor, Session
from sagemaker.deserializers import JSONDeserializer
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sagemaker.transformer import Transformer
from sagemaker.utils import name_from_base

image = setting("MLP_IMAGE", "the image in ECR, as make push prints it")
role = setting("SAGEMAKER_ROLE", "the ARN of the role that the job takes on")
model_data = setting("MODEL_DATA", "the s3://.../model.tar.gz that train_v2.py prints")

with np.load("data/mnist.npz") as arrays:
    x, y = arrays["x_test"][:20] / 255, arrays["y_test"][:20]

session = Session()
name = name_from_base("mlp")
model = Model(
    name=name,
    image_uri=image,
    model_data=model_data,
    role=role,
    predictor_cls=Predictor,
    sagemaker_session=session,
)
predictor = model.deploy(
    initial_instance_count=1,
    instance_type="ml.c5.xlarge",
    endpoint_name=name,
    serializer=JSONSerializer(),
    deserializer=JSONDeserializer(),
    wait=False,
)
try:
    session.wait_for_endpoint(name)
    predictions = predictor.predict(x)["predictions"]
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
    predictor.delete_endpoint()  # it costs money until then

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
    model.delete_model()
