"""Requests as a plain boto3 caller makes them, and small tables that tell jobs apart."""

import csv
import io
import json
import random
import subprocess
import tarfile

import h5py

IMAGE_IN_ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-mlp:1"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
HYPERPARAMETERS = {"target": "y", "epochs": "2", "learning_rate": "0.01", "validation_split": "0.25"}


def channel(name="training", uri="s3://bucket/train", mode="File", **settings):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": mode} | settings


def training_request(name, channels=None, hyperparameters=None, algorithm=None, **fields):
    """A CreateTrainingJob request; `hyperparameters` are added to those that each table needs."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE_IN_ECR, "TrainingInputMode": "File"} | (algorithm or {}),
        "RoleArn": ROLE,
        "InputDataConfig": [channel()] if channels is None else channels,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/results"},
        "ResourceConfig": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "HyperParameters": HYPERPARAMETERS | (hyperparameters or {}),
    } | fields


def shell(script):
    """An algorithm that is a script in the image, to look at what the platform gives."""
    return {"ContainerEntrypoint": ["/bin/sh", "-c"], "ContainerArguments": [script]}


def table(labels, rows=80, seed=0, spread=0.3):
    """CSV of two columns that tell the label `y`; with one label, `y` is a number that they add up to."""
    generator, text = random.Random(seed), io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["a", "b", "y"])
    for row in range(rows):
        kind = row % len(labels)
        a, b = generator.gauss(kind, spread), generator.gauss(-kind, spread)
        writer.writerow([f"{a:.4f}", f"{b:.4f}", labels[kind] if len(labels) > 1 else f"{3 * a + b:.4f}"])
    return text.getvalue().encode()


def files(archive):
    """Names and contents of a .tar.gz, given as bytes, where that has files and folders only."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as entries:
        members = entries.getmembers()
        assert all(member.isfile() or member.isdir() for member in members)
        return {member.name: entries.extractfile(member).read() for member in members if member.isfile()}


def hyperparameters_of(model):
    """As a job used them, from the bytes of its model.h5."""
    with h5py.File(io.BytesIO(model)) as file:
        return json.loads(file["mlp/metadata"][()])["hyperparameters"]


def containers_of(account):
    command = ["docker", "ps", "-aq", "--filter", f"label=sagemaker-service={account.owner}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
