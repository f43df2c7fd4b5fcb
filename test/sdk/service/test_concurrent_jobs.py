"""Thirty jobs at once: each has labels of its own, so that a row of another's data would show in its results."""

import csv
import time

from platform_jobs import channel, files, hyperparameters_of, table, training_request

JOBS = 30
EXPECTED = {0: "Completed", 1: "Failed", 2: "Stopped"}
HYPERPARAMETERS = {"Failed": {"drop_rate": "1.5"}, "Stopped": {"epochs": "100000000"}, "Completed": {}}


def kind(number):
    return EXPECTED[number % 3]


def labels(number):
    return [f"job{number}-no", f"job{number}-yes"]


def test_thirty_jobs_do_not_see_each_other(account, sagemaker):
    for number in range(JOBS):
        uri = f"s3://bucket/concurrent/{number}"
        account.storage.write(f"{uri}/table-{number}.csv", table(labels(number), seed=number))
        hyperparameters = {"seed": str(number), "num_threads": "1"} | HYPERPARAMETERS[kind(number)]
        request = training_request(f"job-{number}", [channel(uri=uri)], hyperparameters)
        sagemaker.create_training_job(**request)
    jobs = [account.training_job(f"job-{number}") for number in range(JOBS)]
    assert sum(not job.ended for job in jobs) >= JOBS // 2, "they did not run at once"
    stop_after_an_epoch([job for number, job in enumerate(jobs) if kind(number) == "Stopped"], sagemaker)
    for number, job in enumerate(jobs):
        account.wait_for(job)
        described = sagemaker.describe_training_job(TrainingJobName=job.name)
        assert described["TrainingJobStatus"] == kind(number), job.log
        if kind(number) == "Failed":
            assert "drop_rate" in described["FailureReason"]
        else:
            check_results(account, number, described)


def stop_after_an_epoch(jobs, sagemaker):
    waiting = set(jobs)
    deadline = time.monotonic() + 60
    while waiting:
        assert time.monotonic() < deadline and not any(job.ended for job in waiting)
        for job in [job for job in waiting if "Epoch 1/" in job.log]:
            sagemaker.stop_training_job(TrainingJobName=job.name)
            waiting.remove(job)


def check_results(account, number, described):
    root = account.training_job(f"job-{number}").root
    found = {path.name for path in (root / "input/data").rglob("*") if path.is_file()}
    assert found == {f"table-{number}.csv", "training-manifest"}
    model = files(account.storage.read(described["ModelArtifacts"]["S3ModelArtifacts"]))["model.h5"]
    assert hyperparameters_of(model)["seed"] == number
    reports = files(account.storage.read(f"s3://bucket/results/job-{number}/output/output.tar.gz"))
    rows = list(csv.reader(reports["prediction.csv"].decode().splitlines()))
    assert len(rows) == 20 and {value for row in rows for value in row} <= set(labels(number))
