"""The policies of docs/deploy-to-aws.md, as moto's implementation of IAM understands them."""

import json
import pathlib
import re

from moto.iam.access_control import IAMPolicy, PermissionResult

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "docs/deploy-to-aws.md").read_text()


def policies() -> dict[str, dict]:
    """The JSON of each block by the file's name, the last that is named before it."""
    blocks = re.findall(r"^(.*?)^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return {re.findall(r"`(\w+\.json)`", before)[-1]: json.loads(block) for before, block in blocks}


def allows(name: str, action: str, resource: str = "*") -> bool:
    """Whether a policy, such as "role.json", allows an action, such as "s3:GetObject". Conditions are left out."""
    policy = policies()[name]
    kept = ("Effect", "Action", "Resource")
    statements = [{key: statement[key] for key in kept} for statement in policy["Statement"]]
    answer = IAMPolicy(json.dumps({**policy, "Statement": statements})).is_action_permitted(action, resource)
    return answer == PermissionResult.PERMITTED


def actions(name: str) -> set[str]:
    found = [statement["Action"] for statement in policies()[name]["Statement"]]
    return {action for entry in found for action in ([entry] if isinstance(entry, str) else entry)}
