"""S3 to folders and back."""

import contextlib
import json
import pathlib

from botocore.exceptions import ClientError

IGNORED = ".sagemaker-ignore"  # ends the names of files that are no checkpoints yet


class Storage:
    """What is not there, bucket or object, is a FileNotFoundError."""

    def __init__(self, client):
        self._client = client

    def objects(self, uri):
        """(key, path below the prefix) of the objects that begin with the URI; a single object has its base name."""
        bucket, prefix = split(uri)
        with _missing_is_told(uri):
            pages = list(self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        keys = [item["Key"] for page in pages for item in page.get("Contents", []) if not item["Key"].endswith("/")]
        folder = prefix if prefix.endswith("/") else prefix + "/"
        within = [key for key in keys if key.startswith(folder)]
        if prefix in keys or not within:
            folder = prefix[: prefix.rfind("/") + 1]
            within = [prefix] if prefix in keys else keys
        return [(key, key[len(folder):]) for key in within]

    def read(self, uri):
        bucket, key = split(uri)
        with _missing_is_told(uri):
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def write(self, uri, content):
        bucket, key = split(uri)
        with _missing_is_told(uri):
            self._client.put_object(Bucket=bucket, Key=key, Body=content)

    def download(self, uri, folder):
        """The objects below the prefix, or the single object; FileNotFoundError where there is none."""
        found = self.objects(uri)
        if not found:
            raise FileNotFoundError(f"No S3 objects found under S3 URL {uri!r} given in input data source.")
        for key, relative in found:
            self._save(f"s3://{split(uri)[0]}/{key}", folder / relative)
        return folder

    def download_manifest(self, uri, folder):
        """The objects that a manifest names: [{"prefix": "s3://..."}, "suffix", ...]."""
        first, *names = json.loads(self.read(uri))
        for name in names:
            self._save(first["prefix"] + name, folder / name)
        return folder

    def upload(self, folder, uri):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.write(join(uri, path.relative_to(folder).as_posix()), path.read_bytes())

    def mirror(self, folder, uri):
        """Makes the objects below the URI those of the folder, as checkpoints are kept."""
        paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(IGNORED)]
        kept = {path.relative_to(folder).as_posix() for path in paths}
        for key, relative in self.objects(join(uri, "")):
            if relative not in kept:
                self._client.delete_object(Bucket=split(uri)[0], Key=key)
        for path in paths:
            self.write(join(uri, path.relative_to(folder).as_posix()), path.read_bytes())

    def _save(self, uri, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.read(uri))


@contextlib.contextmanager
def _missing_is_told(uri):
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ("NoSuchBucket", "NoSuchKey"):
            raise
        raise FileNotFoundError(f"{code}: {uri}") from error


def split(uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.lstrip("/")


def join(uri, *names):
    return "/".join([uri.rstrip("/"), *map(str, names)])


def fetch_source(storage, source, folder: pathlib.Path):
    """Downloads what an S3DataSource of a channel or a transform job's input names."""
    kind = source.get("S3DataType", "S3Prefix")
    if kind == "S3Prefix":
        return storage.download(source["S3Uri"], folder)
    if kind == "ManifestFile":
        return storage.download_manifest(source["S3Uri"], folder)
    raise NotImplementedError(f"S3DataType {kind} is not played")
