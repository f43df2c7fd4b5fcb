"""Thirty jobs at once: each has labels of its own, so that a row of another's data would show in its results."""

import csv
import itertools
import time

from platform_jobs import channel, files, hyperparameters_of, shell, table, training_request

JOBS = 30
STOPPED = 20
EXIT_CODES = {"Completed": 0, "Failed": 1, "Stopped": 0}
HYPERPARAMETERS = {"Failed": {"drop_rate": "1.5"}, "Stopped": {"epochs": "100000000"}, "Completed": {}}


def kind(number):
    """Two of three run until they are stopped, so that all these run at once."""
    return ["Completed", "Stopped", "Stopped", "Failed", "Stopped", "Stopped"][number % 6]


def labels(number):
    return [f"job{number}-no", f"job{number}-yes"]


def test_thirty_jobs_do_not_see_each_other(account, sagemaker):
    looking = look_around(account, sagemaker)
    for number in range(JOBS):
        uri = f"s3://bucket/concurrent/{number}"
        account.storage.write(f"{uri}/table-{number}.csv", table(labels(number), seed=number))
        hyperparameters = {"seed": str(number), "num_threads": "1"} | HYPERPARAMETERS[kind(number)]
        request = training_request(f"job-{number}", [channel(uri=uri)], hyperparameters)
        sagemaker.create_training_job(**request)
    jobs = [account.training_job(f"job-{number}") for number in range(JOBS)]
    stop_once_all_train([job for number, job in enumerate(jobs) if kind(number) == "Stopped"], sagemaker)
    for number, job in enumerate(jobs):
        account.wait_for(job)
        described = sagemaker.describe_training_job(TrainingJobName=job.name)
        assert described["TrainingJobStatus"] == kind(number), job.log
        assert job.exit_code == EXIT_CODES[kind(number)], job.log
        if kind(number) == "Failed":
            assert "drop_rate" in described["FailureReason"]
        else:
            check_results(account, number, described)
    account.wait_for(looking)
    files_within = [path for path in looking.log.split() if not path.startswith("/opt/ml/input/config/")]
    assert sorted(files_within) == ["/opt/ml/input/data/training-manifest", "/opt/ml/input/data/training/own.csv"]
    assert most_at_once(jobs) >= STOPPED


def look_around(account, sagemaker):
    """One job more, which lists all that it has, while the others run."""
    account.storage.write("s3://bucket/concurrent/looking/own.csv", table(["no", "yes"]))
    algorithm = shell("sleep 5; find /opt/ml -type f")
    request = training_request("looking", [channel(uri="s3://bucket/concurrent/looking")], algorithm=algorithm)
    sagemaker.create_training_job(**request)
    return account.training_job("looking")


def stop_once_all_train(jobs, sagemaker):
    assert len(jobs) == STOPPED
    waiting, deadline = set(jobs), time.monotonic() + 300
    while waiting:
        assert time.monotonic() < deadline and not any(job.ended for job in jobs)
        waiting -= {job for job in waiting if "Epoch 1/" in job.log}
        time.sleep(0.3)
    for job in jobs:
        sagemaker.stop_training_job(TrainingJobName=job.name)


def most_at_once(jobs):
    """The largest number of containers that ran at the same moment."""
    starts = [(job.times["TrainingStartTime"], 1) for job in jobs]
    ends = [(job.times["TrainingEndTime"], -1) for job in jobs]
    return max(itertools.accumulate(step for _, step in sorted(starts + ends)))


def check_results(account, number, described):
    root = account.training_job(f"job-{number}").root
    found = {path.name for path in (root / "input/data").rglob("*") if path.is_file()}
    assert found == {f"table-{number}.csv", "training-manifest"}
    model = files(account.storage.read(described["ModelArtifacts"]["S3ModelArtifacts"]))["model.h5"]
    assert hyperparameters_of(model)["seed"] == number
    reports = files(account.storage.read(f"s3://bucket/results/job-{number}/output/output.tar.gz"))
    rows = list(csv.reader(reports["prediction.csv"].decode().splitlines()))
    assert len(rows) == 20 and {value for row in rows for value in row} <= set(labels(number))
