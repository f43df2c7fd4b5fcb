"""Metric definitions and the log that they are applied to."""

import math
import re


def groups(regex):
    """How many the expression has; None where it is none."""
    try:
        return re.compile(regex).groups
    except re.error:
        return None


def escape(log):
    """Control characters as the service's log shows them: tabs as #011, carriage returns as #015."""
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", lambda found: f"#{ord(found[0]):03o}", log)


def matches(regex, log, every=False):
    """The numbers that the expression's group captures: of each line the first one, or every one."""
    texts = []
    for line in log.split("\n"):
        found = [match[1] for match in re.finditer(regex, line)]
        texts += found if every else found[:1]
    return [number for number in map(_number, texts) if number is not None]


def collect(definitions, log):
    """(name, value) of each definition's first match in each line, in the log's order."""
    return [
        (definition["Name"], value)
        for line in log.split("\n")
        for definition in definitions
        for value in matches(definition["Regex"], line)
    ]


def _number(text):
    """None for what the service drops: texts, and values that are not finite."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
