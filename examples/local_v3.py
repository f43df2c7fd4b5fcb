"""SageMaker's local mode, SDK 3: train, serve and transform a batch in containers on this machine.

    pip install 'sagemaker>=3'
    python examples/local_v3.py

Needs Docker with Compose, and data/mnist.npz, but no AWS account: see examples/README.md. Where the SDK stops a server,
it prints a traceback that ends in "Process exited with code", which means nothing.
"""

import json
import os
from pathlib import Path

import numpy as np
from sagemaker.core.local.local_session import LocalSession
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.core.transformer import Transformer
from sagemaker.train.model_trainer import Mode, ModelTrainer

image = os.environ.get("MLP_IMAGE", "sagemaker-mlp:dev")
output = Path.cwd() / "output/local_v3"
session = LocalSession()  # wants a region: AWS_DEFAULT_REGION, or aws configure

trainer = ModelTrainer(
    training_mode=Mode.LOCAL_CONTAINER,
    training_image=image,
    compute=Compute(instance_type="local_cpu", instance_count=1),
    hyperparameters={"epochs": 5, "batch_size": 64, "learning_rate": 0.001},
    local_container_root=str(output),
)
trainer.train(input_data_config=[InputData(channel_name="training", data_source="data")])
model_data = f"file://{output}/compressed_artifacts/model.tar.gz"
print("Model:", model_data)

with np.load("data/mnist.npz") as mnist:
    x_test, y_test = mnist["x_test"] / 255, mnist["y_test"]

# ModelBuilder's local mode insists on pulling the image from a registry; LocalSession takes the one that is here.
client = session.sagemaker_client
client.create_model(
    ModelName="mlp", PrimaryContainer={"Image": image, "ModelDataUrl": model_data, "Environment": {}}
)
variant = {"VariantName": "all", "ModelName": "mlp", "InitialInstanceCount": 1, "InstanceType": "local"}
client.create_endpoint_config(EndpointConfigName="mlp", ProductionVariants=[variant])
client.create_endpoint(EndpointName="mlp", EndpointConfigName="mlp")
try:
    response = session.sagemaker_runtime_client.invoke_endpoint(
        EndpointName="mlp", ContentType="application/json", Body=json.dumps(x_test[:20].tolist())
    )
    predictions = json.loads(response["Body"].read())["predictions"]
finally:
    client.delete_endpoint(EndpointName="mlp")
print("Predicted:", np.argmax(predictions, axis=1))
print("Truth:    ", y_test[:20])

# A line of pixels for each picture. The job writes a line of probabilities for each, into rows.csv.out.
batch = output / "batch"
batch.mkdir(exist_ok=True)
np.savetxt(batch / "rows.csv", x_test.reshape(len(x_test), -1), fmt="%.6g", delimiter=",")

transformer = Transformer(
    model_name="mlp",
    instance_count=1,
    instance_type="local",
    accept="text/csv",
    output_path=f"file://{output}/transformed",
    base_transform_job_name="mlp",
    sagemaker_session=session,
)
transformer.transform(f"file://{batch}", content_type="text/csv", split_type="Line")

probabilities = np.loadtxt(output / "transformed/rows.csv.out", delimiter=",")
print("Accuracy of the batch:", np.mean(np.argmax(probabilities, axis=1) == y_test))

client.delete_endpoint_config(EndpointConfigName="mlp")
client.delete_model(ModelName="mlp")
