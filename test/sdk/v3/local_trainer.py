"""SDK 3's local mode below one folder."""

import json
import pathlib

from local_containers import Containers, files, free_port
from sagemaker.core.local.local_session import LocalSession
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.train.model_trainer import Mode, ModelTrainer


# What all jobs train with that are compared with each other: equal ones give equal bytes.
HYPERPARAMETERS = {"epochs": 2, "learning_rate": 0.001}


class Job:
    """ModelTrainer in local container mode over `root`."""

    def __init__(self, image: str, root: pathlib.Path, **settings):
        self.root = root
        self.containers = Containers(root)
        self.trainer = ModelTrainer(
            training_mode=Mode.LOCAL_CONTAINER,
            training_image=image,
            compute=Compute(instance_type="local_cpu", instance_count=1),
            local_container_root=str(root),
            **settings,
        )

    def run(self, **channels) -> "Job":
        inputs = [
            source if isinstance(source, InputData) else InputData(channel_name=name, data_source=str(source))
            for name, source in channels.items()
        ]
        self.trainer.train(input_data_config=inputs)
        return self

    @property
    def model_archive(self) -> pathlib.Path:
        return self.root / "compressed_artifacts/model.tar.gz"

    @property
    def output_archive(self) -> pathlib.Path:
        return self.root / "compressed_artifacts/output.tar.gz"

    def failure(self) -> str:
        return files(self.output_archive)["failure"].decode()

    def configuration(self) -> dict[str, object]:
        """What was in /opt/ml/input/config; the SDK deletes it unless the job failed."""
        return {path.name: json.loads(path.read_text()) for path in (self.root / "algo-1/input/config").iterdir()}


def local_session(root: pathlib.Path, **container_config) -> LocalSession:
    session = LocalSession()
    settings = {"container_root": str(root), "serving_port": free_port()}
    session.config = {"local": settings | ({"container_config": container_config} if container_config else {})}
    return session
