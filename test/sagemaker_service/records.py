"""Resources that the service only keeps: models, endpoint configurations, experiments and their parts, tags."""

from .refusal import Refusal, not_found
from .training_job import arn, now

# How a missing one is told, where it is not a ValidationException.
RESOURCE_NOT_FOUND = {"Experiment", "Trial", "TrialComponent"}


class Records:
    def __init__(self, account):
        self._account = account
        self._kept = {}  # (kind, name) -> fields
        self._tags = {}  # ARN -> {key: value}
        self._associations = []  # (trial, trial component)

    def add(self, kind, request, arn_kind):
        """Keeps the request; its ARN, by the name that the service gives it in answers."""
        name = request[f"{kind}Name"]
        found = arn(arn_kind, name, self._account.region)
        if (kind, name) in self._kept:
            raise Refusal(f'Cannot create already existing {arn_kind} "{found}".')
        times = {"CreationTime": now(), "LastModifiedTime": now()}
        self._kept[kind, name] = request | times | {f"{kind}Arn": found}
        self.tag(found, request.get("Tags", []))
        return {f"{kind}Arn": found}

    def get(self, kind, name):
        if (kind, name) not in self._kept:
            if kind in RESOURCE_NOT_FOUND:
                raise Refusal(f"{kind} '{name}' does not exist.", "ResourceNotFound")
            raise not_found(f'Could not find {kind} "{name}".')
        return self._kept[kind, name]

    def all(self, kind):
        return [fields for (of, _), fields in self._kept.items() if of == kind]

    def remove(self, kind, name):
        self.get(kind, name)
        del self._kept[kind, name]

    def tag(self, resource, tags):
        self._tags.setdefault(resource, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def create_model(self, request):
        return self.add("Model", request, "model")

    def describe_model(self, request):
        return self.get("Model", request["ModelName"])

    def delete_model(self, request):
        self.remove("Model", request["ModelName"])

    def create_endpoint_config(self, request):
        for variant in request["ProductionVariants"]:
            if "ModelName" in variant:
                self.get("Model", variant["ModelName"])
        return self.add("EndpointConfig", request, "endpoint-config")

    def describe_endpoint_config(self, request):
        return self.get("EndpointConfig", request["EndpointConfigName"])

    def delete_endpoint_config(self, request):
        self.remove("EndpointConfig", request["EndpointConfigName"])

    def create_experiment(self, request):
        return self.add("Experiment", request, "experiment")

    def describe_experiment(self, request):
        return self.get("Experiment", request["ExperimentName"])

    def create_trial(self, request):
        self.get("Experiment", request["ExperimentName"])
        return self.add("Trial", request, "experiment-trial")

    def describe_trial(self, request):
        return self.get("Trial", request["TrialName"])

    def create_trial_component(self, request):
        return self.add("TrialComponent", request, "experiment-trial-component")

    def describe_trial_component(self, request):
        return self.get("TrialComponent", request["TrialComponentName"])

    def update_trial_component(self, request):
        component = self.get("TrialComponent", request["TrialComponentName"])
        component |= request | {"LastModifiedTime": now()}
        return {"TrialComponentArn": component["TrialComponentArn"]}

    def list_trial_components(self, request):
        names = {component for trial, component in self._associations if trial == request.get("TrialName", trial)}
        everything = self.all("TrialComponent")
        wanted = names if "TrialName" in request else {item["TrialComponentName"] for item in everything}
        return {"TrialComponentSummaries": [item for item in everything if item["TrialComponentName"] in wanted]}

    def associate_trial_component(self, request):
        trial = self.get("Trial", request["TrialName"])
        component = self.get("TrialComponent", request["TrialComponentName"])
        self._associations.append((request["TrialName"], request["TrialComponentName"]))
        return {"TrialArn": trial["TrialArn"], "TrialComponentArn": component["TrialComponentArn"]}

    def add_trial_component_of(self, job):
        """Each training job has one, which belongs to the trial that the job's ExperimentConfig names."""
        name = f"{job.name}-aws-training-job"
        config = job.request.get("ExperimentConfig", {})
        self.create_trial_component({
            "TrialComponentName": name, "DisplayName": config.get("TrialComponentDisplayName", "Training"),
        })
        if "TrialName" in config:
            self.associate_trial_component({"TrialName": config["TrialName"], "TrialComponentName": name})

    def search(self, request):
        """By equal values: SDK 2 asks for a trial component of a trial, and for a group of model packages."""
        kind = request["Resource"].removeprefix("Experiment")
        wanted = {part["Name"]: part["Value"] for part in request["SearchExpression"]["Filters"]}
        trial = wanted.pop("Parents.TrialName", None)
        found = [item for item in self.all(kind) if all(item.get(name) == value for name, value in wanted.items())]
        if trial:
            found = [item for item in found if (trial, item[f"{kind}Name"]) in self._associations]
        return {"Results": [{kind: item} for item in found]}

    def add_tags(self, request):
        self.tag(request["ResourceArn"], request["Tags"])
        return self.list_tags(request)

    def list_tags(self, request):
        tags = self._tags.get(request["ResourceArn"], {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
