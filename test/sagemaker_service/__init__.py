"""Plays the SageMaker service over an image on this machine, for code that uses boto3 or SageMaker's SDK unchanged.

    with Account(image="sagemaker-mlp:dev", workspace=folder) as account:
        ...                                          # any boto3 or SDK code
        account.requests_of("CreateTrainingJob")     # what it asked for
        account.training_job(name).log               # what came of it

    TrainingJob(request, image, inputs={"training": folder}, workspace=folder).run()     # a job without an account

Every request is held against botocore's service model. Not played, and refused by NotImplementedError: Pipe mode, file
systems, several hosts, inference pipelines, endpoints of several models or variants, DataProcessing of batch jobs. An
endpoint's container has a network even where its model asks for isolation.
"""

from .account import Account
from .training_job import TrainingJob

__all__ = ["Account", "TrainingJob"]
