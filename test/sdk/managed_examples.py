"""The examples that go to SageMaker itself, unchanged, in an account of sagemaker_service."""

import contextlib
import copy
import io
import pathlib
import runpy
import tarfile
import types

import pytest
from sagemaker_service import Account

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "s3://sagemaker-eu-west-1-123456789012"
# Half of the log's sixth place, and a little for the sum of two roundings.
LAST_PLACE = 5.1e-7


class Examples:
    """Runs examples in one account and one working directory."""

    def __init__(self, account: Account):
        self.account = account

    def run(self, name: str, **environment: str) -> types.SimpleNamespace:
        """The example's variables at its end, and what it printed as `printed`."""
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
            for key, value in environment.items():
                patch.setenv(key, value)
            variables = runpy.run_path(str(FOLDER / name), run_name="__main__")
        return types.SimpleNamespace(**variables, printed=printed.getvalue())

    def request(self, operation: str) -> dict:
        """The only one of its kind, as boto3 got it."""
        (request,) = self.account.requests_of(operation)
        return copy.deepcopy(request)

    def read(self, uri: str) -> bytes:
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        return self.account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def files(self, archive: str) -> dict[str, bytes]:
        """Of the archive at an S3 URI, by their names."""
        with tarfile.open(fileobj=io.BytesIO(self.read(archive))) as entries:
            return {entry.name: entries.extractfile(entry).read() for entry in entries if entry.isfile()}
