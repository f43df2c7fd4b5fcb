"""Holds values against the shapes of botocore's service model, further than botocore itself does.

botocore checks types, required and unknown members, and minima. The service also checks patterns, maxima and enums.
"""

import functools
import re

import botocore.session
from botocore.validate import validate_parameters

from .refusal import Refusal

# What Python's expressions have no name for, by the nearest that they have, inside of a character class.
UNICODE_CLASSES = {"L": r"\w", "N": r"\d", "Z": r"\s", "M": "", "Alnum": "A-Za-z0-9"}
SYMBOLS_AND_PUNCTUATION = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u27bf"


@functools.cache
def _compile(pattern):
    """The service model's pattern, which is Java's, as Python's."""
    pattern = re.sub(r"\\p\{(\w+)\}", lambda found: UNICODE_CLASSES.get(found[1], SYMBOLS_AND_PUNCTUATION), pattern)
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff")
    return re.compile(re.sub(r"\$(?=\{)", "", pattern))


@functools.cache
def _input_shape(operation):
    return botocore.session.Session().get_service_model("sagemaker").operation_model(operation).input_shape


def check(request, operation):
    """Raises what boto3 and the service would, of a request that comes by another way."""
    validate_parameters(request, _input_shape(operation))
    if found := violations(request, _input_shape(operation)):
        raise Refusal("; ".join(found))


def violations(value, shape, path=""):
    """What the service would refuse, one sentence each; [] for a value that fits."""
    found = []
    if shape.type_name == "structure":
        for name, member in value.items():
            found += violations(member, shape.members[name], f"{path}.{name}" if path else name)
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            found += violations(member, shape.member, f"{path}.{index + 1}.member")
    elif shape.type_name == "map":
        for key, member in value.items():
            found += violations(key, shape.key, f"{path}.key") + violations(member, shape.value, f"{path}.{key}")
    return [f"Value '{value}' at '{path}' failed to satisfy constraint: {text}" for text in _own(value, shape)] + found


def _own(value, shape):
    """The constraints that the value itself breaks, without its members'."""
    limits = shape.metadata
    if shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield f"Member must satisfy enum value set: {shape.enum}"
        if "pattern" in limits and not _compile(limits["pattern"]).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if "max" in limits:
        if shape.type_name in ("string", "list", "map", "blob") and len(value) > limits["max"]:
            yield f"Member must have length less than or equal to {limits['max']}"
        if shape.type_name in ("integer", "long", "float", "double") and value > limits["max"]:
            yield f"Member must have value less than or equal to {limits['max']}"
