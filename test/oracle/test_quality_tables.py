"""The small form of quality_tables.py, and its arithmetic."""

import numpy as np
import pytest

import quality
import quality_tables
import tables


@pytest.fixture(scope="module")
def data():
    folder = quality.data_dir()
    if not (folder / "adult").is_dir():
        pytest.skip(f"The data sets are not in {folder}.")
    return folder


def test_adult_is_learned_from_its_raw_file(mlp, data, tmp_path):
    (adult,) = (entry for entry in quality_tables.JOBS if entry.accuracy_from is not None)
    assert adult.source is tables.ADULT
    train, test = quality_tables.write_rows(adult.source, data, tmp_path, seed=100)
    score = quality_tables.ours(mlp, adult.job, adult.source, train, test, seed=100)
    # A single run: in the full table, their standard deviation is about 0.1.
    assert score >= adult.accuracy_from - 0.2


@pytest.mark.parametrize("entry", quality_tables.JOBS, ids=lambda entry: entry.job.data)
def test_the_rows_of_a_table_are_all_there_and_each_once(data, tmp_path, entry):
    source = entry.source
    train, test = quality_tables.write_rows(source, data, tmp_path, seed=3)
    frames = [tables.read(source, path) for path in (train, test)]
    rows = {"adult": 48842, "titanic": 891, "bank-marketing": 41188, "diamonds": 53940, "housing": 20640}
    assert sum(map(len, frames)) == rows[source.name]
    if source.test_file is None:
        lines = train.read_text().splitlines()[1:] + test.read_text().splitlines()[1:]
        assert sorted(lines) == sorted((data / source.file).read_text().splitlines()[1:])
    if entry.job.classifies:
        assert set(frames[0][source.target]) == set(frames[1][source.target])


def made_comparison(task: str, differences: list[float], mean: float = 80, **bars) -> quality_tables.Comparison:
    job = quality.Job("made", task, 1)
    theirs = np.array([mean + 10, mean - 10] * (len(differences) // 2))
    entry = quality_tables.TableJob(tables.ADULT, job, **bars)
    return quality_tables.Comparison(entry, 8, 2, theirs + differences, theirs)


@pytest.mark.parametrize(
    "differences, task, missed",
    [
        ([-1.5, 0.5, -3.5, -1.5], "classification", False),
        ([-3, -3.5, -3, -2.5], "classification", True),
        ([3, 3.5, 3, 2.5], "classification", False),
        ([3, 3.5, 3, 2.5], "regression", True),
        ([np.nan] * 4, "classification", True),
    ],
)
def test_a_bar_is_two_standard_errors_of_the_differences_run_by_run(differences, task, missed):
    assert len(made_comparison(task, differences).missed()) == missed


@pytest.mark.parametrize("mean, missed", [(85.2, 0), (85.1, 1)])
def test_an_accuracy_has_a_bar_of_its_own(mean, missed):
    assert len(made_comparison("classification", [0.0] * 4, mean, accuracy_from=85.2).missed()) == missed


def test_the_section_takes_its_place_before_the_settings():
    section = quality_tables.section([made_comparison("classification", [1, 2, 1, 2])], 4)
    page = quality.with_section("# Quality\n\nOne.\n\n## Settings\n\nTwo.\n", section)
    assert page.startswith("# Quality\n\nOne.\n\n## Raw tables\n") and page.endswith("\n## Settings\n\nTwo.\n")
    assert "| made | 8, 2 | 64, 1 | accuracy, % | 81.5" in page and "all are met." in page
    assert quality.with_section(page, section) == page
