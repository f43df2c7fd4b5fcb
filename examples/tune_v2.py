"""Searches for good hyperparameters on SageMaker: four jobs, two at once."""

from mlp_image import describe, setting
from sagemaker import Session
from sagemaker.estimator import Estimator
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

image = setting("MLP_IMAGE", "the image in ECR, as make push prints it")
role = setting("SAGEMAKER_ROLE", "the ARN of the role that the job takes on")

session = Session()
data = session.upload_data("data/mnist.npz", key_prefix="mlp/data/train")

metrics = describe(image, task="classification")["metric_definitions"]
validation_loss = next(metric["Regex"] for metric in metrics if metric["Name"] == "validation:loss")

estimator = Estimator(
    image_uri=image,
    role=role,
    instance_count=1,
    instance_type="ml.c5.xlarge",
    max_run=3600,
    sagemaker_session=session,
)
tuner = HyperparameterTuner(
    estimator,
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
tuner.fit(data)

jobs = tuner.analytics().dataframe().convert_dtypes().sort_values("FinalObjectiveValue")
print(jobs[["FinalObjectiveValue", "epochs", "learning_rate", "batch_size", "drop_rate"]].to_string(index=False))
print(f"export MODEL_DATA={tuner.best_estimator().model_data}")
