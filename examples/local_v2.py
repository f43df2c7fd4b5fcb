"""SageMaker's local mode, SDK 2: train, serve and transform a batch in containers on this machine.

    pip install 'sagemaker<3'
    python examples/local_v2.py

Needs Docker with Compose, and data/mnist.npz, but no AWS account: see examples/README.md.
The SDK leaves its stopped containers; `docker container prune` removes them.
"""

import os
from pathlib import Path

import numpy as np
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.local import LocalSession
from sagemaker.serializers import JSONSerializer

image = os.environ.get("MLP_IMAGE", "sagemaker-mlp:dev")
here = Path.cwd()
output = here / "output/local_v2"

session = LocalSession()  # wants a region: AWS_DEFAULT_REGION, or aws configure
session.config = {"local": {"local_code": True}}

estimator = Estimator(
    image_uri=image,
    role="arn:aws:iam::111111111111:role/unused",
    instance_count=1,
    instance_type="local",
    hyperparameters={"epochs": 5, "batch_size": 64, "learning_rate": 0.001},
    output_path=f"file://{output}",
    sagemaker_session=session,
)
estimator.fit({"training": f"file://{here}/data"})
print("Model:", estimator.model_data)

with np.load(here / "data/mnist.npz") as mnist:
    x_test, y_test = mnist["x_test"] / 255, mnist["y_test"]

# The container answers when deploy() comes back. Locally, wait=True only sleeps 30 seconds more.
predictor = estimator.deploy(
    1, "local", serializer=JSONSerializer(), deserializer=JSONDeserializer(), wait=False
)
try:
    predictions = predictor.predict(x_test[:20])["predictions"]
finally:
    predictor.delete_endpoint()
print("Predicted:", np.argmax(predictions, axis=1))
print("Truth:    ", y_test[:20])

# A line of pixels for each picture. The job writes a line of probabilities for each, into rows.csv.out.
batch = output / "batch"
batch.mkdir(exist_ok=True)
np.savetxt(batch / "rows.csv", x_test.reshape(len(x_test), -1), fmt="%.6g", delimiter=",")

transformer = estimator.transformer(1, "local", accept="text/csv", output_path=f"file://{output}/transformed")
# The work is done when transform() comes back. To wait for it is to ask CloudWatch, in vain, for its log.
transformer.transform(f"file://{batch}", content_type="text/csv", split_type="Line", wait=False, logs=False)

probabilities = np.loadtxt(output / "transformed/rows.csv.out", delimiter=",")
print("Accuracy of the batch:", np.mean(np.argmax(probabilities, axis=1) == y_test))
