"""Registers a trained model, with its metrics, in SageMaker's model registry."""

import os
import tarfile

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.s3 import S3Downloader, S3Uploader
from sagemaker.serve import ModelBuilder

image = os.environ["MLP_IMAGE"]  # in ECR
role = os.environ["SAGEMAKER_ROLE"]
model_data = os.environ["MODEL_DATA"]  # s3://.../model.tar.gz, as train_v3.py prints it

session = Session()
job_output = os.path.dirname(model_data)

# The job's reports are in output.tar.gz, beside the model; the registry wants evaluation.json as a file of its own.
S3Downloader.download(f"{job_output}/output.tar.gz", "output", sagemaker_session=session)
with tarfile.open("output/output.tar.gz") as archive:
    archive.extract("evaluation.json", "output")
evaluation = S3Uploader.upload("output/evaluation.json", job_output, sagemaker_session=session)

model = ModelBuilder(image_uri=image, s3_model_data_url=model_data, role_arn=role, sagemaker_session=session)
model_package_arn = model.register(
    model_package_group_name="mlp",
    content_types=["application/json", "text/csv"],
    response_types=["application/json", "text/csv"],
    inference_instances=["ml.c5.xlarge"],
    transform_instances=["ml.c5.xlarge"],
    model_metrics=ModelMetrics(model_statistics=MetricsSource("application/json", evaluation)),
    approval_status="PendingManualApproval",
)
print(model_package_arn)
