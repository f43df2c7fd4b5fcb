"""Metric definitions and the log that they are applied to."""

import re


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
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
