"""Docker containers, each with a label that names its owner, so that the owner can remove all of its own."""

import json
import subprocess
import uuid

LABEL = "sagemaker-service"


def docker(*words):
    """What `docker WORDS` prints."""
    done = subprocess.run(["docker", *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"docker {words[0]}: {done.stderr.strip()}")
    return done.stdout


def remove_all_of(owner):
    if found := docker("ps", "-aq", "--filter", f"label={LABEL}={owner}").split():
        subprocess.run(["docker", "rm", "-f", "-v", *found], capture_output=True)


class Container:
    """Runs from construction on, until it ends by itself or by stop(); is there until remove()."""

    def __init__(
        self, image, arguments, *, owner, entrypoint=(), environment=None, mounts=(), network="bridge", port=None
    ):
        self.name = f"{LABEL}-{uuid.uuid4().hex[:12]}"
        self.port = port
        options = ["--name", self.name, "--label", f"{LABEL}={owner}", "--network", network]
        for key, value in (environment or {}).items():
            options += ["-e", f"{key}={value}"]
        for mount in mounts:
            options += ["-v", mount]
        if port:
            options += ["-p", f"127.0.0.1::{port}"]
        if entrypoint:
            # Docker takes one word as the entry point; further ones stand before the arguments.
            options += ["--entrypoint", entrypoint[0]]
        run = subprocess.run(
            ["docker", "run", "-d", *options, image, *entrypoint[1:], *arguments], capture_output=True, text=True
        )
        # 126 and 127: there is no such program in the image, which is a matter of the job.
        if run.returncode not in (0, 126, 127):
            self.remove()
            raise RuntimeError(f"docker run: {run.stderr.strip()}")

    @property
    def host_port(self):
        """Of its port on this machine; None once it has ended."""
        published = self.inspect()["NetworkSettings"]["Ports"].get(f"{self.port}/tcp")
        return int(published[0]["HostPort"]) if published else None

    def inspect(self):
        return json.loads(docker("inspect", self.name))[0]

    def log(self):
        """stdout and stderr as one text, in the order that they arrived in."""
        command = ["docker", "logs", self.name]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""

    def wait(self, seconds=None):
        """The exit code; None where it still runs after that many seconds."""
        command = ["docker", "wait", self.name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode == 0:
            return int(done.stdout)
        if docker("ps", "-aq", "--filter", f"name=^/?{self.name}$"):
            raise RuntimeError(f"docker wait: {done.stderr.strip()}")
        return 137  # removed meanwhile, as at the end of an account

    def stop(self, grace_seconds):
        """SIGTERM, and SIGKILL after the grace."""
        subprocess.run(["docker", "stop", "-t", str(grace_seconds), self.name], capture_output=True)

    def remove(self):
        subprocess.run(["docker", "rm", "-f", "-v", self.name], capture_output=True)
