"""Local mode in a folder of the test's, and an image that keeps what it is given."""

import json
import os

import pytest

from local_containers import docker
from local_mode import local_mode

# Notes what a job finds, where it is delivered with the job's output, and then is the image that it was made from.
PROBE = """#!/bin/sh
mkdir /opt/ml/output/probe && cd /opt/ml/output/probe
cp /opt/ml/input/config/* .
ls -A /opt/ml/model >model
hostname >hostname
echo "$TERM" >terminal
exec {program} "$@"
"""


@pytest.fixture
def local(image, tmp_path):
    with local_mode(image, tmp_path / "local") as mode:
        yield mode


@pytest.fixture(scope="session")
def probe_image(image, tmp_path_factory):
    entrypoint = json.loads(docker("image", "inspect", "--format", "{{json .Config.Entrypoint}}", image))
    script = tmp_path_factory.mktemp("probe") / "probe"
    script.write_text(PROBE.format(program=" ".join(entrypoint)))
    script.chmod(0o755)
    name = f"mlp-probe:{os.getpid()}"
    container = docker("create", image).strip()
    try:
        docker("cp", script, f"{container}:/usr/local/bin/probe")
        docker("commit", "--change", 'ENTRYPOINT ["/usr/local/bin/probe"]', container, name)
    finally:
        docker("rm", container)
    yield name
    docker("image", "rm", name)
