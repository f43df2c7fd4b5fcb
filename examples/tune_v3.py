"""Searches for good hyperparameters on SageMaker: four jobs, two at once."""

from mlp_image import describe, setting
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.core.resources import TrainingJob
from sagemaker.core.training.configs import Compute, StoppingCondition
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

image = setting("MLP_IMAGE", "the image in ECR, as make push prints it")
role = setting("SAGEMAKER_ROLE", "the ARN of the role that the job takes on")

session = Session()
data = session.upload_data("data/mnist.npz", key_prefix="mlp/data/train")

metrics = describe(image, task="classification")["metric_definitions"]
validation_loss = next(metric["Regex"] for metric in metrics if metric["Name"] == "validation:loss")

trainer = ModelTrainer(
    training_image=image,
    role=role,
    base_job_name="mlp",
    compute=Compute(instance_type="ml.c5.xlarge", instance_count=1),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=3600),
    sagemaker_session=session,
)
tuner = HyperparameterTuner(
    trainer,
    objective_metric_name="validation:error",
    objective_type="Minimize",
    metric_definitions=[*metrics, {"Name": "validation:error", "Regex": validation_loss}],
    hyperparameter_ranges={
        "epochs": IntegerParameter(50, 200),
        "learning_rate": ContinuousParameter(0.0001, 0.1, scaling_type="Logarithmic"),
        "batch_size": IntegerParameter(32, 256),
        # At 1.0 dropout leaves nothing of the hidden layer, as in Keras: such a job succeeds, learns no more than how
        # frequent each class is, and its error is high.
        "drop_rate": ContinuousParameter(0.0, 1.0),
    },
    max_jobs=4,
    max_parallel_jobs=2,
    base_tuning_job_name="mlp",
)
tuner.tune(data)

best = tuner.describe().best_training_job
print(best.final_hyper_parameter_tuning_job_objective_metric.value, best.tuned_hyper_parameters)
job = TrainingJob.get(best.training_job_name)
print(f"export MODEL_DATA={job.model_artifacts.s3_model_artifacts}")
