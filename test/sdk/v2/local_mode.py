"""SDK 2's local mode below one folder."""

import contextlib
import pathlib

from local_containers import Containers, containers_below, free_port
from sagemaker.estimator import Estimator
from sagemaker.local import LocalSession
from sagemaker.model import Model

ROLE = "arn:aws:iam::111111111111:role/unused"


class LocalMode:
    def __init__(self, image: str, root: pathlib.Path, **container_config):
        root.mkdir(parents=True, exist_ok=True)
        self.image = image
        self.containers = Containers(root)
        self.session = LocalSession()
        settings = {"local_code": True, "container_root": str(root), "serving_port": free_port()}
        if container_config:
            settings["container_config"] = container_config
        self.session.config = {"local": settings}

    def estimator(self, output: pathlib.Path, **settings) -> Estimator:
        settings = {"image_uri": self.image, "role": ROLE, "instance_count": 1, "instance_type": "local"} | settings
        return Estimator(output_path=f"file://{output}", sagemaker_session=self.session, **settings)

    def model(self, archive: pathlib.Path, **settings) -> Model:
        return Model(self.image, f"file://{archive}", role=ROLE, sagemaker_session=self.session, **settings)


@contextlib.contextmanager
def local_mode(image: str, root: pathlib.Path, **container_config):
    with containers_below(root, image):
        yield LocalMode(image, root, **container_config)
