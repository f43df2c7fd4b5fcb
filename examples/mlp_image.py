"""What the examples share: their settings, and what the image says about itself."""

import json
import os
import subprocess
import sys


def setting(name: str, meaning: str) -> str:
    """An environment variable. Where it is not set, the script ends, and says what it is."""
    return os.environ.get(name) or sys.exit(f"Set {name} to {meaning}: see examples/README.md.")


def describe(image: str, **options: str) -> dict:
    """`mlp describe` of the image, such as describe(image, task="regression"): hyperparameters, metric_definitions."""
    flags = [text for name, value in options.items() for text in (f"--{name}", value)]
    command = ["docker", "run", "--rm", image, "describe", *flags]
    try:
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{image} does not run here. Is Docker there, and the image, or a login to ECR? {error}")
