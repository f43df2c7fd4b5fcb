"""SDK 3's local mode below one folder."""

import contextlib
import json
import os
import pathlib
import shutil

from local_containers import Containers, docker, files, free_port
from sagemaker.core.local.local_session import LocalSession
from sagemaker.core.training.configs import Compute, InputData
from sagemaker.train.model_trainer import Mode, ModelTrainer


@contextlib.contextmanager
def containers_below(root: pathlib.Path, image: str):
    """Leaves nothing behind, and says so where the SDK left a container running."""
    root.mkdir(parents=True, exist_ok=True)
    containers = Containers(root)
    try:
        yield containers
        assert containers.running() == []
    finally:
        containers.remove()
        if os.geteuid() != 0:  # the containers wrote as root
            docker("run", "--rm", "-v", f"{root}:/delete", image, "chmod", "-R", "777", "/delete")
        shutil.rmtree(root)


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
