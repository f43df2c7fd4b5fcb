"""Models, endpoints and their invocation: `IMAGE serve` over the unpacked model archive."""

import http.client
import json
import time
import uuid

from . import archives
from .containers import Container
from .refusal import Refusal, not_found
from .training_job import arn, now

PORT = 8080
PING_SECONDS = 2
START_SECONDS = 480
INVOCATION_SECONDS = 60
GRACE_SECONDS = 30
ORIGINAL_MESSAGE_CHARACTERS = 2048


class Server:
    """A container that serves one model, which it sees read-only."""

    def __init__(self, account, containers, environment=None):
        if len(containers) != 1:
            raise NotImplementedError("inference pipelines are not played")
        if containers[0].get("Mode") == "MultiModel":
            raise NotImplementedError("endpoints of several models are not played")
        folder = fetch_model(account, containers[0])
        self.container = Container(
            account.image, ["serve"], owner=account.owner, mounts=[f"{folder}:/opt/ml/model:ro"], port=PORT,
            environment=containers[0].get("Environment", {}) | (environment or {}),
        )
        self.host_port = None
        self.exit_code = None
        self.environment = {}  # Docker's account of it, at the end
        self._final_log = ""

    def wait_until_healthy(self, seconds=START_SECONDS):
        """Whether /ping answered 200 in time; a container that ended never will."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.host_port = self.container.host_port
            if self.host_port is None:
                return False
            if self.ask("/ping", timeout=PING_SECONDS)[0] == 200:
                return True
            time.sleep(0.1)
        return False

    def ask(self, path, body=None, headers=None, timeout=INVOCATION_SECONDS):
        """Status, header and body of the answer; status 0 where there is none. POST where there is a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.host_port, timeout=timeout)
        try:
            connection.request("GET" if body is None else "POST", path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, {}, str(error).encode()
        finally:
            connection.close()

    @property
    def log(self):
        return self._final_log or self.container.log()

    def stop(self):
        self.container.stop(GRACE_SECONDS)
        self._final_log, found = self.container.log(), self.container.inspect()
        self.exit_code = found["State"]["ExitCode"]
        self.environment = dict(entry.split("=", 1) for entry in found["Config"]["Env"])
        self.container.remove()


def fetch_model(account, container):
    """The folder that becomes /opt/ml/model."""
    folder = account.workspace / "models" / uuid.uuid4().hex
    folder.mkdir(parents=True)
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    if source.get("CompressionType") == "None":
        return account.storage.download(source["S3Uri"], folder)
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if not uri:
        return folder
    archive = folder.with_suffix(".tar.gz")
    archive.write_bytes(account.storage.read(uri))
    return archives.unpack(archive, folder)


class Endpoint:
    def __init__(self, name, config, account):
        self.name, self.config, self._account = name, config, account
        self.arn = arn("endpoint", name, account.region)
        self.status, self.failure_reason = "Creating", None
        self.created = self.modified = now()
        self.server = None

    def start(self):
        """Serves what `config` says."""
        self.server, healthy = self._serve(self.config)
        self.status = "InService" if healthy else "Failed"

    def update(self, config):
        """Serves as before until a server of the new configuration is healthy, and on where none gets so."""
        server, healthy = self._serve(config)
        leaving = self.server if healthy else server
        if healthy:
            self.config, self.server = config, server
        self.status = "InService"
        leaving.stop()

    def _serve(self, config):
        """A server, and whether it is healthy."""
        variant = _variant(config)
        server = Server(self._account, self._account.hosting.containers(variant["ModelName"]))
        healthy = server.wait_until_healthy(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", START_SECONDS))
        self.modified = now()
        self.failure_reason = None if healthy else (
            f"The primary container for production variant {variant['VariantName']} did not pass the ping health "
            "check. Please check CloudWatch logs for this endpoint."
        )
        return server, healthy

    def stop(self):
        self.status = "Deleting"
        if self.server:
            self.server.stop()

    @property
    def ended(self):
        return self.status in ("InService", "Failed")

    @property
    def log(self):
        return self.server.log if self.server else ""

    @property
    def exit_code(self):
        return self.server.exit_code if self.server else None

    def invoke(self, headers, body):
        variant = _variant(self.config)["VariantName"]
        status, answered, content = self.server.ask("/invocations", body, headers)
        if not 200 <= status < 300:
            text = content.decode("utf-8", "replace")[:ORIGINAL_MESSAGE_CHARACTERS]
            side = "client" if 400 <= status < 500 else "server"
            raise Refusal(
                f'Received {side} error ({status}) from {variant} with message "{text}".', "ModelError", 424,
                OriginalStatusCode=status, OriginalMessage=text,
            )
        return {
            "Body": content,
            "ContentType": answered.get("Content-Type"),
            "InvokedProductionVariant": variant,
            "CustomAttributes": answered.get("X-Amzn-SageMaker-Custom-Attributes"),
        }

    def description(self):
        variant = _variant(self.config)
        instances = variant.get("InitialInstanceCount", 1)
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config["EndpointConfigName"],
            "EndpointStatus": self.status,
            "FailureReason": self.failure_reason,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "ProductionVariants": [{
                "VariantName": variant["VariantName"],
                "CurrentInstanceCount": instances,
                "DesiredInstanceCount": instances,
            }],
        }


def _variant(config):
    variants = config["ProductionVariants"]
    if len(variants) != 1:
        raise NotImplementedError("several variants are not played")
    return variants[0]


class Hosting:
    def __init__(self, account):
        self._account = account
        self.endpoints = {}
        self.deleted = {}

    def containers(self, model_name):
        """The container definitions of a model, also of one that names a model package."""
        model = self._account.records.get("Model", model_name)
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        return [found for container in containers for found in self._resolve(container)]

    def _resolve(self, container):
        if "ModelPackageName" not in container:
            return [container]
        package = self._account.registry.package(container["ModelPackageName"])
        environment = container.get("Environment", {})
        return [item | {"Environment": item.get("Environment", {}) | environment}
                for item in package["InferenceSpecification"]["Containers"]]

    def create_endpoint(self, request):
        name = request["EndpointName"]
        if name in self.endpoints:
            raise Refusal(f'Cannot create already existing endpoint "{self.endpoints[name].arn}".')
        endpoint = Endpoint(name, self._config(request), self._account)
        self.endpoints[name] = endpoint
        if self._account.run:
            self._account.in_background(endpoint.start, endpoint)
        else:
            endpoint.status = "InService"
        return {"EndpointArn": endpoint.arn}

    def update_endpoint(self, request):
        endpoint = self.endpoint(request["EndpointName"])
        if endpoint.status != "InService":
            raise Refusal(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        config = self._config(request)
        if self._account.run:
            endpoint.status = "Updating"
            self._account.in_background(lambda: endpoint.update(config), endpoint)
        else:
            endpoint.config = config
        return {"EndpointArn": endpoint.arn}

    def describe_endpoint(self, request):
        return self.endpoint(request["EndpointName"]).description()

    def delete_endpoint(self, request):
        endpoint = self.endpoint(request["EndpointName"])
        self._account.wait_for(endpoint)
        endpoint.stop()
        self.deleted[endpoint.name] = self.endpoints.pop(endpoint.name)

    def invoke_endpoint(self, name, headers, body):
        if name not in self.endpoints or self.endpoints[name].status not in ("InService", "Updating"):
            raise Refusal(f"Endpoint {name} of account {self._account.number} not found.", "ValidationError")
        return self.endpoints[name].invoke(headers, body)

    def endpoint(self, name):
        if name not in self.endpoints:
            raise not_found(f'Could not find endpoint "{arn("endpoint", name, self._account.region)}".')
        return self.endpoints[name]

    def _config(self, request):
        config = self._account.records.get("EndpointConfig", request["EndpointConfigName"])
        for variant in config["ProductionVariants"]:
            self.containers(variant["ModelName"])
        return config


def execution_parameters(server):
    """The answer of GET /execution-parameters, {} where there is none."""
    status, _, body = server.ask("/execution-parameters", timeout=PING_SECONDS)
    return json.loads(body) if status == 200 else {}
