"""The model registry: packages, with versions where they belong to a group."""

from .refusal import not_found
from .training_job import arn, now


class Registry:
    def __init__(self, account):
        self._account = account
        self._packages = {}  # ARN -> fields

    def create_model_package_group(self, request):
        return self._account.records.add("ModelPackageGroup", request, "model-package-group")

    def describe_model_package_group(self, request):
        return self._account.records.get("ModelPackageGroup", request["ModelPackageGroupName"].split("/")[-1]) | {
            "ModelPackageGroupStatus": "Completed", "CreatedBy": {},
        }

    def list_model_package_groups(self, request):
        groups = [self.describe_model_package_group(item) for item in self._account.records.all("ModelPackageGroup")
                  if request.get("NameContains", "") in item["ModelPackageGroupName"]]
        return {"ModelPackageGroupSummaryList": groups}

    def create_model_package(self, request):
        group = request.get("ModelPackageGroupName")
        name, fields = request.get("ModelPackageName"), {}
        if group:
            group = self.describe_model_package_group(request)["ModelPackageGroupName"]
            version = 1 + max([item["ModelPackageVersion"] for item in self._of(group)], default=0)
            fields = {"ModelPackageGroupName": group, "ModelPackageVersion": version}
            name = f"{group}/{version}"
        found = arn("model-package", name, self._account.region)
        self._packages[found] = {"ModelApprovalStatus": "PendingManualApproval"} | request | fields | {
            "ModelPackageName": group or name,
            "ModelPackageArn": found,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreationTime": now(),
        }
        self._account.records.tag(found, request.get("Tags", []))
        return {"ModelPackageArn": found}

    def package(self, name_or_arn):
        for found, fields in self._packages.items():
            if name_or_arn in (found, found.split("/", 1)[1]):
                return fields
        raise not_found(f"ModelPackage {name_or_arn} does not exist.")

    def describe_model_package(self, request):
        return self.package(request["ModelPackageName"])

    def list_model_packages(self, request):
        group = request.get("ModelPackageGroupName")
        found = self._of(group.split("/")[-1]) if group else list(self._packages.values())
        wanted = request.get("ModelApprovalStatus")
        return {"ModelPackageSummaryList": [
            item for item in reversed(found) if wanted in (None, item["ModelApprovalStatus"])
        ]}

    def _of(self, group):
        return [item for item in self._packages.values() if item.get("ModelPackageGroupName") == group]
