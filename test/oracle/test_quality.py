"""mlp learns tables as scikit-learn and Keras do: the small form of quality.py, and its arithmetic."""

import numpy as np
import pytest
from scipy import stats

import quality

# Three runs tell little of their spread: in the full table, a run's standard deviation is below these.
LEAST_SPREAD = {"classification": 1.5, "regression": 0.02}


@pytest.fixture(scope="module")
def data():
    folder = quality.data_dir()
    if not (folder / "abalone").is_dir():
        pytest.skip(f"The data sets are not in {folder}.")
    return folder


@pytest.mark.parametrize(
    "job",
    [
        quality.Job("optdigits", "classification", epochs=4),
        quality.Job("abalone", "regression", epochs=8),
        quality.Job("wine-quality white", "classification", epochs=6),
    ],
    ids=lambda job: job.data,
)
def test_scores_are_no_worse(mlp, data, job):
    result = quality.compare(mlp, job, data, seeds=3)
    for peer in (result.scikit_learn, result.keras):
        spread = max(LEAST_SPREAD[job.task], np.sqrt((result.ours.var(ddof=1) + peer.var(ddof=1)) / 2))
        worse = (peer.mean() - result.ours.mean()) * (1 if job.classifies else -1)
        assert worse <= quality.STANDARD_ERRORS * spread * np.sqrt(2 / 3), result


def test_abalone_is_learned_with_gelu_and_adamw(mlp, data):
    (job,) = (job for job in quality.JOBS if job.rmse_below is not None)
    assert (job.hidden, job.activation, job.optimizer, job.rmse_below) == ((64, 32), "gelu", "adamw", 2.2)
    train, test = quality.load(job.data, data)
    assert quality.ours(mlp, job, train, test, seed=100) < job.rmse_below


@pytest.mark.parametrize("job", quality.JOBS, ids=lambda job: job.title)
def test_the_rows_of_a_job(data, job):
    train, test = quality.load(job.data, data)
    rows = {"optdigits": 5620, "abalone": 4177, "wine-quality red": 1599, "wine-quality white": 4898}[job.data]
    assert len(train.y) + len(test.y) == rows
    assert train.x.shape[1] == test.x.shape[1] == {"optdigits": 64, "abalone": 10}.get(job.data, 11)
    if job.classifies:
        assert set(test.y) <= set(train.y)


@pytest.mark.parametrize("task, sign", [("classification", 1), ("regression", -1)])
def test_a_lead_is_the_statistic_of_welch(task, sign):
    random = np.random.default_rng(7)
    a, b = random.normal(90, 1, size=10), random.normal(91, 3, size=10)
    expected = sign * stats.ttest_ind(a, b, equal_var=False).statistic
    assert quality.lead(quality.Job("", task, 1), a, b) == pytest.approx(expected)


def made_comparison(task: str, ours: float, scikit_learn: float | None, keras: float, **job) -> quality.Comparison:
    """Means as given, over ten seeds; the difference of two has a standard error of 1."""
    spread = np.tile([-1, 1], 5) * np.sqrt(4.5)
    scores = (None if mean is None else mean + spread for mean in (ours, scikit_learn, keras))
    return quality.Comparison(quality.Job("made", task, 1, **job), 8, 2, *scores)


@pytest.mark.parametrize(
    "ours, peer, task, missed",
    [
        (50, 51.9, "classification", False),
        (50, 52.1, "classification", True),
        (50, 40, "classification", False),
        (50, 48.1, "regression", False),
        (50, 47.9, "regression", True),
        (50, 60, "regression", False),
    ],
)
def test_a_bar_is_two_standard_errors_to_the_worse_side(ours, peer, task, missed):
    for peers, name in (((peer, ours), "scikit-learn"), ((ours, peer), "Keras"), ((None, peer), "Keras")):
        sentences = made_comparison(task, ours, *peers).missed()
        assert [name in sentence for sentence in sentences] == [True] * missed


def test_what_is_no_number_is_missed():
    assert len(made_comparison("regression", np.nan, 3, 3).missed()) == 2


@pytest.mark.parametrize("ours, missed", [(2.19, 0), (2.2, 1)])
def test_an_rmse_has_a_bar_of_its_own(ours, missed):
    assert len(made_comparison("regression", ours, None, ours, rmse_below=2.2).missed()) == missed


def test_the_page_tells_each_score_and_what_is_missed():
    comparisons = [
        made_comparison("classification", 90, 91.5, 80),
        made_comparison("regression", 4, None, 1),
    ]
    page = quality.page(comparisons, 10, "mlp 1.2.3")
    assert "| accuracy, % | 90.00 ± 0.71 | 91.50 ± 0.71 | 80.00 ± 0.71 | -1.5 | +10.0 |" in page
    assert "| rmse | 4.0000 ± 0.7071 | - | 1.0000 ± 0.7071 | - | -3.0 |" in page
    assert "made, regression, relu, adam: mlp is worse than Keras by 3.0 standard errors." in page
    assert "mlp 1.2.3" in page and "all are met" not in page
    assert "all are met." in quality.page(comparisons[:1], 10, "mlp 1.2.3")
