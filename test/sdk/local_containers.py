"""What Docker knows of the containers that an SDK's local mode made, and the archives that it packed."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile

NETWORK = "sagemaker-local"  # of the SDKs; all jobs of a machine share it


def docker(*words, check: bool = True) -> str:
    run = subprocess.run(["docker", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = run.stdout.decode(errors="replace")
    if check and run.returncode != 0:
        raise RuntimeError(f"docker {words[0]}: {output}")
    return output


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def in_use(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def files(archive: pathlib.Path) -> dict[str, bytes]:
    """All that is in the archive, where that is files and folders only."""
    with tarfile.open(archive) as content:
        members = content.getmembers()
        assert all(member.isfile() or member.isdir() for member in members)
        return {member.name: content.extractfile(member).read() for member in members if member.isfile()}


def file_names(archive: pathlib.Path) -> list[str]:
    return sorted(files(archive))


def read(archive: pathlib.Path, name: str) -> str:
    return files(archive)[name].decode()


class Containers:
    """Those that Compose made from files below `root`, running or not."""

    def __init__(self, root: pathlib.Path):
        self.root = root

    def ids(self, *options) -> list[str]:
        """Newest first."""
        form = '{{.ID}} {{.Label "com.docker.compose.project.working_dir"}}'
        lines = docker("ps", "-a", "--no-trunc", "--format", form, *options).splitlines()
        rows = [line.split(maxsplit=1) for line in lines]
        return [row[0] for row in rows if len(row) == 2 and pathlib.Path(row[1]).is_relative_to(self.root)]

    def running(self) -> list[str]:
        return self.ids("--filter", "status=running")

    def newest(self) -> dict:
        """As `docker inspect` tells it."""
        return json.loads(docker("inspect", self.ids()[0]))[0]

    def environment(self) -> dict[str, str]:
        """Of the newest."""
        return dict(entry.split("=", 1) for entry in self.newest()["Config"]["Env"])

    def remove(self) -> None:
        for container in self.ids():
            docker("rm", "--force", "--volumes", container)


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
