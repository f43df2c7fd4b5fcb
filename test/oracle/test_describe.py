"""Python itself runs what mlp describe prints for SageMaker's SDKs, and the service's rules judge its JSON."""

import contextlib
import json
import re
import sys
import types

import pytest

TASKS = (None, "classification", "binary", "multilabel", "regression")

# Of CreateHyperParameterTuningJob.
MOST_DEFINITIONS = 40
MOST_RANGES = 30
SCALINGS = {"Auto", "Linear", "Logarithmic", "ReverseLogarithmic"}


class Range:
    """As IntegerParameter and ContinuousParameter of both SDKs, with their checks of the service's rules."""

    def __init__(self, min_value, max_value, scaling_type="Auto"):
        assert type(min_value) is type(max_value) is self.type
        assert min_value < max_value
        assert scaling_type in SCALINGS
        self.values = {"MinValue": str(min_value), "MaxValue": str(max_value), "ScalingType": scaling_type}


class IntegerParameter(Range):
    kind, type = "Integer", int


class ContinuousParameter(Range):
    kind, type = "Continuous", float


class CategoricalParameter:
    kind = "Categorical"

    def __init__(self, values):
        assert isinstance(values, list)
        self.values = {"Values": [str(value) for value in values]}


class MetricDefinition:
    """As v3's, which takes keywords only."""

    def __init__(self, *, name, regex):
        self.name, self.regex = name, regex


MODULES = {
    "v2": {"sagemaker.tuner": (IntegerParameter, ContinuousParameter, CategoricalParameter)},
    "v3": {
        "sagemaker.core.parameter": (IntegerParameter, ContinuousParameter, CategoricalParameter),
        "sagemaker.core.shapes": (MetricDefinition,),
    },
}


@contextlib.contextmanager
def stand_ins(version: str):
    """Modules of the SDK's names, with the classes above and no other."""
    before = dict(sys.modules)
    for path, classes in MODULES[version].items():
        parts = path.split(".")
        for end in range(1, len(parts) + 1):
            sys.modules[".".join(parts[:end])] = types.ModuleType(".".join(parts[:end]))
        for kind in classes:
            setattr(sys.modules[path], kind.__name__, kind)
    try:
        yield
    finally:
        sys.modules.clear()
        sys.modules.update(before)


def describe(mlp, form: str, task: str | None) -> str:
    return mlp.run("describe", "--format", form, *(("--task", task) if task else ())).stdout


@pytest.mark.parametrize("task", TASKS)
def test_tuner(mlp, task):
    job = json.loads(describe(mlp, "tuner", task))
    assert set(job) == {"ParameterRanges", "MetricDefinitions"}
    ranges = job["ParameterRanges"]
    kinds = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
    assert set(ranges) == set(kinds)
    assert sum(len(ranges[kind]) for kind in kinds) <= MOST_RANGES
    for kind, number in (("IntegerParameterRanges", int), ("ContinuousParameterRanges", float)):
        for entry in ranges[kind]:
            assert set(entry) == {"Name", "MinValue", "MaxValue", "ScalingType"}
            assert all(isinstance(value, str) for value in entry.values())
            low, high = number(entry["MinValue"]), number(entry["MaxValue"])
            assert low < high
            assert entry["ScalingType"] in SCALINGS
            if entry["ScalingType"] == "Logarithmic":
                assert low > 0
            if entry["ScalingType"] == "ReverseLogarithmic":
                assert 0 <= low and high < 1
    for entry in ranges["CategoricalParameterRanges"]:
        assert set(entry) == {"Name", "Values"}
        assert all(isinstance(value, str) for value in entry["Values"])
        assert 1 <= len(set(entry["Values"])) == len(entry["Values"]) <= 30
    names = [entry["Name"] for kind in kinds for entry in ranges[kind]]
    assert len(set(names)) == len(names)
    # The demo's own.
    assert {"epochs", "batch_size", "learning_rate", "drop_rate", "dense_hidden"} <= set(names)

    definitions = job["MetricDefinitions"]
    assert 1 <= len(definitions) <= MOST_DEFINITIONS
    assert len({definition["Name"] for definition in definitions}) == len(definitions)
    for definition in definitions:
        assert set(definition) == {"Name", "Regex"}
        assert 1 <= len(definition["Name"]) <= 255
        assert 1 <= len(definition["Regex"]) <= 500
        assert re.compile(definition["Regex"]).groups == 1


@pytest.mark.parametrize("version", MODULES)
@pytest.mark.parametrize("task", TASKS)
def test_python(mlp, version, task):
    job = json.loads(describe(mlp, "tuner", task))
    names = {}
    with stand_ins(version):
        exec(compile(describe(mlp, version, task), "describe", "exec"), names)
    assert names["metric_definitions"] == job["MetricDefinitions"]
    if version == "v3":
        objects = names["trainer_metric_definitions"]
        assert [{"Name": one.name, "Regex": one.regex} for one in objects] == job["MetricDefinitions"]
    ranges = {f"{kind}ParameterRanges": [] for kind in ("Integer", "Continuous", "Categorical")}
    for name, one in names["hyperparameter_ranges"].items():
        ranges[f"{one.kind}ParameterRanges"].append({"Name": name, **one.values})
    assert ranges == job["ParameterRanges"]


@pytest.mark.parametrize("version", MODULES)
def test_example(mlp, version):
    """The example at the end, in comments, is Python too, and its objective is one that is defined."""
    lines = describe(mlp, version, None).splitlines()
    start = max(i for i, line in enumerate(lines) if not line.startswith("#"))
    example = "\n".join(line.removeprefix("# ") for line in lines[start + 1 :])
    compile(example, "example", "exec")
    objective = re.search(r'objective_metric_name="([^"]*)"', example).group(1)
    assert objective in {one["Name"] for one in json.loads(describe(mlp, "tuner", None))["MetricDefinitions"]}
