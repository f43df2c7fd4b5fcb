"""tools/push with AWS's real CLI before a made-up AWS, and with a stand-in for Docker."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import boto3
import botocore.loaders
import pytest
from botocore import xform_name
from deploy_page import actions
from moto.server import ThreadedMotoServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAKE_COMMANDS = pathlib.Path(__file__).with_name("fake_commands")
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCOUNT = "123456789012"  # moto's
CLI_OPTIONS = {"--region", "--query", "--output"}
NAME = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-mlp"


@pytest.fixture(scope="module")
def made_up_aws():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


class Desk:
    """Where a user sits who pushes: commands on PATH, an image in Docker, and an account, empty at first."""

    def __init__(self, folder: pathlib.Path, aws: str):
        self.aws = aws
        self.ecr = boto3.client("ecr", region_name="eu-west-1", endpoint_url=aws)
        self.state = folder / "docker.json"
        self.calls_file = folder / "calls"
        self.environment = {
            "PATH": f"{FAKE_COMMANDS}:{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": aws,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CLI": str(pathlib.Path(sys.executable).with_name("aws")),
            "CALLS": str(self.calls_file),
            "DOCKER_STATE": str(self.state),
            "IMAGE": "sagemaker-mlp:dev",
            "VERSION": "0.1.0",
        }
        self.reset()

    def reset(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.aws}/moto-api/reset", method="POST")).close()
        self.have_image()

    def have_image(self, **changes) -> None:
        """Makes Docker hold one image, which fake_commands/docker describes."""
        image = {"id": "sha256:1", "names": ["sagemaker-mlp:dev"], "platform": "linux/amd64", "digests": []}
        self.state.write_text(json.dumps({**image, "media_type": DOCKER_MANIFEST, "refused": False, **changes}))

    def put_image(self, tag: str) -> str:
        """Makes ECR hold an image in a new repository; returns its digest."""
        self.ecr.create_repository(repositoryName="sagemaker-mlp", imageTagMutability="IMMUTABLE")
        manifest = json.dumps({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": {"digest": "sha256:1"}})
        image = self.ecr.put_image(repositoryName="sagemaker-mlp", imageTag=tag, imageManifest=manifest)["image"]
        return image["imageId"]["imageDigest"]

    def push(self, **changes) -> subprocess.CompletedProcess:
        return self.run([ROOT / "tools/push"], **changes)

    def run(self, command, **changes) -> subprocess.CompletedProcess:
        """Runs a command; a change to None takes a variable away."""
        self.calls_file.write_text("")
        environment = {name: value for name, value in {**self.environment, **changes}.items() if value is not None}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]

    def images(self) -> dict[str, str]:
        """The digest of each tag in the repository."""
        found = self.ecr.describe_images(repositoryName="sagemaker-mlp")["imageDetails"]
        return {tag: image["imageDigest"] for image in found for tag in image.get("imageTags", [])}


@pytest.fixture
def desk(tmp_path, made_up_aws) -> Desk:
    return Desk(tmp_path, made_up_aws)


def operations(calls) -> list[str]:
    """Of each call the words that say what it does: "ecr create-repository", "docker push"."""
    return [" ".join(words[1:3] if words[0] == "aws" else words[:2]) for words in calls]


def action(call) -> str:
    """What IAM calls it: "ecr:CreateRepository"; a password is an authorization token."""
    service, command = call[1:3]
    words = command.replace("login-password", "authorization-token").split("-")
    return f"{service}:{''.join(word.capitalize() for word in words)}"


def options(call) -> set[str]:
    return {word for word in call if word.startswith("--")}


def parameters(desk, call) -> list[str]:
    """What the operation behind a command of AWS's CLI takes, which would take an option's beginning for the whole."""
    operation = action(call).partition(":")[2]
    return list(desk.ecr.meta.service_model.operation_model(operation).input_shape.members)


def test_push_makes_the_repository_and_names_the_image_by_its_digest(desk):
    script = desk.push(DRY_RUN="1", AWS_ACCESS_KEY_ID=None).stdout
    assert desk.calls == []

    done = desk.push()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"export MLP_IMAGE={NAME}@{desk.images()['0.1.0']}"
    (repository,) = desk.ecr.describe_repositories()["repositories"]
    assert NAME == repository["repositoryUri"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    calls = desk.calls
    assert operations(calls) == [
        "sts get-caller-identity",
        "docker image",
        "ecr describe-repositories",
        "ecr create-repository",
        "ecr batch-get-image",
        "ecr get-login-password",
        "docker login",
        "docker tag",
        "docker push",
        "ecr batch-get-image",
    ]

    for words in calls:
        if words[:2] == ["aws", "ecr"]:
            assert options(words) <= {f"--{xform_name(name, '-')}" for name in parameters(desk, words)} | CLI_OPTIONS
    asked = {action(words) for words in calls if words[0] == "aws" and words[1] != "sts"}
    assert asked and asked <= actions("push.json")

    # The lines of the dry run, run as a script in an empty account, do the same.
    desk.reset()
    desk.run(["sh", "-c", script])
    assert desk.calls == calls
    assert list(desk.images()) == ["0.1.0"]


def test_push_of_what_is_there_changes_nothing_and_of_another_image_is_refused(desk):
    digest = desk.put_image("0.1.0")
    desk.have_image(digests=[f"{NAME}@{digest}"])
    again = desk.push(AWS_ACCOUNT=ACCOUNT)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == ["The image is there already.", f"export MLP_IMAGE={NAME}@{digest}"]
    looking = ["docker image", "ecr describe-repositories", "ecr batch-get-image"]
    assert operations(desk.calls) == looking

    desk.have_image(id="sha256:2")
    other = desk.push(AWS_ACCOUNT=ACCOUNT)
    assert other.returncode == 1
    assert f"sagemaker-mlp:0.1.0 is another image, {digest}, and tags stay as they are." in other.stderr
    assert operations(desk.calls) == looking
    assert desk.images() == {"0.1.0": digest}


def test_push_beside_other_images_warns_of_a_form_that_endpoints_refuse(desk):
    desk.put_image("0.0.9")
    desk.have_image(id="sha256:2", media_type="application/vnd.oci.image.index.v1+json")
    done = desk.push(AWS_ACCOUNT=ACCOUNT)
    assert done.returncode == 0, done.stderr
    assert "ECR holds the image as application/vnd.oci.image.index.v1+json, which SageMaker may refuse" in done.stderr
    assert "ecr create-repository" not in operations(desk.calls)
    assert set(desk.images()) == {"0.0.9", "0.1.0"}


def test_dry_run_needs_no_commands(desk):
    script = desk.push(DRY_RUN="1", PATH="/nowhere")
    assert script.returncode == 0, script.stderr
    assert "docker push $account.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-mlp:0.1.0" in script.stdout


def test_registry_is_in_the_domain_of_the_region(desk):
    for partition in botocore.loaders.Loader().load_data("partitions")["partitions"]:
        for region in partition["regions"]:
            if region.endswith("-global"):
                continue
            script = desk.push(DRY_RUN="1", AWS_ACCOUNT=ACCOUNT, AWS_REGION=region).stdout
            registry = f"{ACCOUNT}.dkr.ecr.{region}.{partition['outputs']['dnsSuffix']}/sagemaker-mlp:0.1.0"
            assert f"docker push {registry}\n" in script


def test_region_is_taken_from_the_configuration(desk, tmp_path):
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    unset = {"AWS_REGION": None, "AWS_DEFAULT_REGION": None}
    assert "tools/push: the region is not known: set AWS_REGION." in desk.push(**unset).stderr
    desk.have_image(platform="linux/arm64")  # ends the push where it is known to go on
    desk.push(**unset, AWS_CONFIG_FILE=str(tmp_path / "config"))
    assert ["aws", "sts", "get-caller-identity", "--region", "eu-west-1"] == desk.calls[1][:5]


@pytest.mark.parametrize(
    "changes, image, message",
    [
        ({"PATH": "/nowhere"}, {}, "there is no command aws: install AWS's CLI"),
        ({"VERSION": None}, {}, "VERSION is not set, as in: make push AWS_REGION=eu-west-1 VERSION=0.1.0"),
        ({"VERSION": "$(reboot)"}, {}, 'VERSION is "$(reboot)", but may have no other characters than'),
        ({"REPOSITORY": "MLP"}, {}, 'REPOSITORY is "MLP", but may have no other characters than'),
        ({"AWS_ACCESS_KEY_ID": None}, {}, "AWS does not know the caller"),
        ({"IMAGE": "mlp:1"}, {}, "Docker does not show the image mlp:1: is Docker running, and is the image made"),
        ({"AWS_ACCOUNT": ACCOUNT}, {"platform": "linux/arm64"}, "sagemaker-mlp:dev is for linux/arm64."),
        ({"AWS_ACCOUNT": ACCOUNT}, {"refused": True}, f"{NAME.partition('/')[0]} refused the login."),
    ],
)
def test_what_is_missing_is_named(desk, changes, image, message):
    desk.have_image(**image)
    done = desk.push(**changes)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert "docker push" not in operations(desk.calls)


def test_docker_tells_platform_and_digests(image):
    environment = {**os.environ, "DRY_RUN": "1", "AWS_REGION": "eu-west-1", "VERSION": "0", "IMAGE": image}
    script = subprocess.run([ROOT / "tools/push"], env=environment, capture_output=True, text=True, check=True).stdout
    (inspect,) = [line for line in script.splitlines() if line.startswith("docker image inspect")]
    found = subprocess.run(["sh", "-c", inspect], capture_output=True, text=True, check=True).stdout
    assert found.startswith("linux/amd64 [")
