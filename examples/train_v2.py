"""Trains on SageMaker, on a spot instance, as a run of an experiment."""

from mlp_image import describe, setting
from sagemaker import Session
from sagemaker.estimator import Estimator
from sagemaker.experiments import Run
from sagemaker.utils import name_from_base

image = setting("MLP_IMAGE", "the image in ECR, as make push prints it")
role = setting("SAGEMAKER_ROLE", "the ARN of the role that the job takes on")

session = Session()
job_name = name_from_base("mlp")  # with the time
data = session.upload_data("data/mnist.npz", key_prefix="mlp/data/train")

estimator = Estimator(
    image_uri=image,
    role=role,
    instance_count=1,
    instance_type="ml.c5.xlarge",
    hyperparameters={"epochs": 10, "batch_size": 128, "learning_rate": 0.001, "drop_rate": 0.8},
    metric_definitions=describe(image, task="classification")["metric_definitions"],
    # When SageMaker takes the spot instance away, it starts the job again on another one, with what is in the
    # checkpoint folder. The image writes no checkpoints yet, so the job then trains from its first epoch.
    use_spot_instances=True,
    max_run=3600,
    max_wait=7200,
    checkpoint_s3_uri=f"s3://{session.default_bucket()}/mlp/checkpoints/{job_name}",
    sagemaker_session=session,
)

# Run creates the experiment where there is none, and passes it to fit() as experiment_config.
with Run(experiment_name="mlp", run_name=job_name, sagemaker_session=session):
    estimator.fit(data, job_name=job_name, wait=False)  # the script could end here, and the job would go on
    print(f'On its way; Estimator.attach("{job_name}") finds it again, from any process.')
    estimator.latest_training_job.wait()

for metric in estimator.latest_training_job.describe()["FinalMetricDataList"]:
    print(metric["MetricName"], metric["Value"])
print(f"export MODEL_DATA={estimator.model_data}")
