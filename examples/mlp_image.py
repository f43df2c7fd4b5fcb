"""What the image says about itself, so that names and regular expressions need not be copied."""

import json
import subprocess


def describe(image: str, **options: str) -> dict:
    """`mlp describe` of the image, such as describe(image, task="regression"): hyperparameters, metric_definitions."""
    flags = [text for name, value in options.items() for text in (f"--{name}", value)]
    command = ["docker", "run", "--rm", image, "describe", *flags]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
