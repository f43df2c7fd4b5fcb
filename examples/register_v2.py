"""Registers a trained model, with its metrics, in SageMaker's model registry."""

import io
import os
import tarfile

from mlp_image import setting
from sagemaker import Model, Session
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.s3 import S3Downloader, S3Uploader

image = setting("MLP_IMAGE", "the image in ECR, as make push prints it")
role = setting("SAGEMAKER_ROLE", "the ARN of the role that the job takes on")
model_data = setting("MODEL_DATA", "the s3://.../model.tar.gz that train_v2.py prints")

session = Session()
job_output = os.path.dirname(model_data)

# The job's reports are in output.tar.gz, beside the model; the registry wants evaluation.json as a file of its own.
reports = S3Downloader.read_bytes(f"{job_output}/output.tar.gz", sagemaker_session=session)
with tarfile.open(fileobj=io.BytesIO(reports)) as archive:
    evaluation = archive.extractfile("evaluation.json").read().decode()
evaluation_uri = S3Uploader.upload_string_as_file_body(
    evaluation, f"{job_output}/evaluation.json", sagemaker_session=session
)

model = Model(image_uri=image, model_data=model_data, role=role, sagemaker_session=session)
package = model.register(
    model_package_group_name="mlp",
    content_types=["application/json", "text/csv"],
    response_types=["application/json", "text/csv"],
    inference_instances=["ml.c5.xlarge"],
    transform_instances=["ml.c5.xlarge"],
    model_metrics=ModelMetrics(model_statistics=MetricsSource("application/json", evaluation_uri)),
    approval_status="PendingManualApproval",
)
print(package.model_package_arn)
