"""mlp learns in bfloat16 as in float32: the small form of precision.py, and its arithmetic."""

import numpy as np
import pytest
from scipy import stats

import precision
import program
import quality

# Few runs tell little of their spread: in the full tables, the standard deviation of a difference is half of this.
LEAST_SPREAD = {"accuracy": 0.12, "log-loss": 0.004}


@pytest.fixture(params=["amx", "avx512_bf16"])
def mlp_by_kernels(mlp, request):
    sets = program.bfloat16_kernels()
    if request.param not in sets:
        pytest.skip(f"This CPU has no {request.param}.")
    return program.Mlp(mlp.path, sets[request.param])


def check(pairs: precision.Pairs):
    # Bits that are equal would be those of one precision.
    assert np.any(pairs.differences != 0)
    assert pairs.is_met(max(pairs.spread, LEAST_SPREAD[pairs.score])), pairs


def test_accuracy_on_mnist(mlp_by_kernels, mnist):
    check(precision.mnist_pairs(mlp_by_kernels, mnist, seeds=3, epochs=2))


def test_log_loss_on_optdigits(mlp_by_kernels):
    data = quality.data_dir()
    if not (data / "optdigits").is_dir():
        pytest.skip(f"The data sets are not in {data}.")
    check(precision.optdigits_pairs(mlp_by_kernels, data, seeds=6, epochs=10))


def test_a_bar_is_two_standard_errors_of_the_pairs():
    random = np.random.default_rng(5)
    for score in ("accuracy", "log-loss"):
        a = random.normal(1, 0.2, size=10)
        b = a + random.normal(0, 0.01, size=10)
        error = stats.sem(b - a)
        allowed = {"accuracy": 0.05, "log-loss": 0.01 * a.mean()}[score]
        assert precision.Pairs(score, a, b).bar()[0] == pytest.approx(-(allowed + 2 * error))


@pytest.mark.parametrize(
    "score, difference, met",
    [
        ("accuracy", -0.049, True),
        ("accuracy", -0.051, False),
        ("accuracy", 1, True),
        ("log-loss", 0.0099, True),
        ("log-loss", 0.0101, False),
        ("log-loss", -0.0101, False),
        ("accuracy", np.nan, False),
        ("log-loss", np.nan, False),
    ],
)
def test_a_bar_is_held(score, difference, met):
    ones = np.ones(4)
    pairs = precision.Pairs(score, ones, ones + difference)
    assert pairs.is_met() == met
    assert ("MISSED" in precision.verdict(pairs)) != met
