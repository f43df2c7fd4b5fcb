"""Trains on SageMaker, on a spot instance, and puts the job into an experiment."""

from botocore.exceptions import ClientError
from mlp_image import describe, setting
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Experiment, Trial, TrialComponent
from sagemaker.core.training.configs import CheckpointConfig, Compute, InputData, MetricDefinition, StoppingCondition
from sagemaker.train import ModelTrainer

image = setting("MLP_IMAGE", "the image in ECR, as make push prints it")
role = setting("SAGEMAKER_ROLE", "the ARN of the role that the job takes on")

session = Session()
data = session.upload_data("data/mnist.npz", key_prefix="mlp/data/train")

metrics = describe(image, task="classification")["metric_definitions"]
trainer = ModelTrainer(
    training_image=image,
    role=role,
    base_job_name="mlp",
    hyperparameters={"epochs": 10, "batch_size": 128, "learning_rate": 0.001, "drop_rate": 0.8},
    # When SageMaker takes the spot instance away, it starts the job again on another one, with what is in the
    # checkpoint folder. The image writes no checkpoints yet, so the job then trains from its first epoch.
    compute=Compute(instance_type="ml.c5.xlarge", instance_count=1, enable_managed_spot_training=True),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=3600, max_wait_time_in_seconds=7200),
    checkpoint_config=CheckpointConfig(),  # a folder of the job's own in the session's bucket
    sagemaker_session=session,
).with_metric_definitions([MetricDefinition(name=metric["Name"], regex=metric["Regex"]) for metric in metrics])

trainer.train(input_data_config=[InputData(channel_name="training", data_source=data)])
job = trainer._latest_training_job  # the SDK has no public name for it

# ModelTrainer knows no experiments. SageMaker keeps a record of each job, which can be put into one.
try:
    Experiment.get("mlp")
except ClientError as error:
    if error.response["Error"]["Code"] != "ResourceNotFound":
        raise
    Experiment.create("mlp")
Trial.create(job.training_job_name, experiment_name="mlp")
record = TrialComponent.get(f"{job.training_job_name}-aws-training-job")
record.associate_trail(job.training_job_name)  # the SDK's spelling of trial

for metric in job.final_metric_data_list:
    print(metric.metric_name, metric.value)
print(f"export MODEL_DATA={job.model_artifacts.s3_model_artifacts}")
