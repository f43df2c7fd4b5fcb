"""The image as SageMaker's training jobs run it: what they give to it, and what becomes of what it leaves."""

import csv
import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError
from platform_jobs import channel, files, shell, table, training_request
from sagemaker_service import TrainingJob

# Listing of a file with its name in front, as `head` gives it of several.
SHOW_CONFIGURATION = "cd /opt/ml/input/config; for f in *.json; do echo \"$f $(cat $f)\"; done"
ENDLESS = {"epochs": "1000000"}


def results(account, job, name):
    return files(account.storage.read(f"s3://bucket/results/{job.name}/output/{name}"))


def wait_for_line(job, text, seconds=60):
    deadline = time.monotonic() + seconds
    while text not in job.log:
        assert time.monotonic() < deadline and not job.ended, job.log
        time.sleep(0.1)


def test_a_job_leaves_the_content_of_its_two_folders_in_archives(account, train):
    job, described = train("completed")
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Completed", "Completed"), job.log
    assert described["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/results/completed/output/model.tar.gz"
    assert sorted(results(account, job, "model.tar.gz")) == ["columns.json", "model.h5"]
    reports = results(account, job, "output.tar.gz")
    assert sorted(reports) == ["evaluation.json", "history.csv", "metrics.json", "prediction.csv"]
    assert len(reports["history.csv"].splitlines()) == 1 + 2


def test_an_uncompressed_model_is_objects(account, train):
    output = {"S3OutputPath": "s3://bucket/plain", "CompressionType": "NONE"}
    _, described = train("uncompressed", OutputDataConfig=output)
    uri = described["ModelArtifacts"]["S3ModelArtifacts"]
    assert sorted(name for _, name in account.storage.objects(uri)) == ["columns.json", "model.h5"]


def test_each_step_of_a_job_is_told(train):
    _, described = train("steps")
    steps = [step["Status"] for step in described["SecondaryStatusTransitions"]]
    assert steps == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_a_failure_has_the_file_and_the_exit_code_as_its_reason(account, train):
    job, described = train("failed", None, {"drop_rate": "1.5"})
    assert (described["TrainingJobStatus"], job.exit_code) == ("Failed", 1)
    written = (job.root / "output/failure").read_text()
    assert "drop_rate" in written and "1.5" in written
    assert described["FailureReason"] == f"AlgorithmError: {written}, exit code: 1"


def test_the_reason_of_a_long_failure_keeps_what_must_be_put_right(train):
    _, described = train("long-failure", None, {"learning_rate": "x" * 2500})
    assert described["FailureReason"].startswith("AlgorithmError: ") and "learning_rate" in described["FailureReason"]


def test_a_reason_has_at_most_1024_characters(train):
    _, described = train("longest", algorithm=shell("yes | head -c 3000 >/opt/ml/output/failure; exit 1"))
    reason = described["FailureReason"]
    assert len(reason) == 1024 and reason.startswith("AlgorithmError: y") and reason.endswith(", exit code: 1")


@pytest.mark.parametrize("code", [3, 130])
def test_any_exit_code_but_0_is_a_failure(train, code):
    """130, which the SDKs' local modes take for success, too."""
    job, described = train(f"exit-{code}", algorithm=shell(f"exit {code}"))
    assert described["TrainingJobStatus"] == "Failed"
    assert described["FailureReason"] == f"AlgorithmError: , exit code: {code}"


def test_stop_ends_a_job_in_mid_epoch_with_a_model(account, sagemaker):
    sagemaker.create_training_job(**training_request("stopped", None, ENDLESS))
    assert sagemaker.describe_training_job(TrainingJobName="stopped")["TrainingJobStatus"] == "InProgress"
    started = account.training_job("stopped")
    wait_for_line(started, "Epoch 1/")
    sagemaker.stop_training_job(TrainingJobName="stopped")
    beginning = time.monotonic()
    account.wait_for(started)
    assert time.monotonic() - beginning < 60  # half of the grace
    described = sagemaker.describe_training_job(TrainingJobName="stopped")
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert started.exit_code == 0 and "FailureReason" not in described
    assert "model.h5" in results(account, started, "model.tar.gz")
    with pytest.raises(ClientError, match="Stopped"):
        sagemaker.stop_training_job(TrainingJobName="stopped")


def test_a_job_that_is_stopped_before_its_container_has_none(tmp_path):
    request = training_request("early")
    del request["InputDataConfig"]
    job = TrainingJob(request, "none", {}, tmp_path)
    job.stop()
    job.run()
    assert [step["Status"] for step in job.transitions] == ["Starting", "Stopping", "Stopped"]
    assert (job.status, job.exit_code) == ("Stopped", None)


def test_a_stop_after_the_end_of_the_container_changes_nothing(tmp_path):
    job = TrainingJob(training_request("late"), "none", {}, tmp_path)
    job.exit_code = 1
    job.stop()
    assert (job.status, len(job.transitions)) == ("InProgress", 1)


def test_the_grace_of_a_stop_is_long_enough_to_save_a_model(account, sagemaker):
    script = "trap 'sleep 15; echo x >/opt/ml/model/late; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    sagemaker.create_training_job(**training_request("late", algorithm=shell(script)))
    job = account.training_job("late")
    wait_for_line(job, "ready")
    sagemaker.stop_training_job(TrainingJobName="late")
    account.wait_for(job)
    assert (job.status, job.exit_code) == ("Stopped", 0)
    assert results(account, job, "model.tar.gz") == {"late": b"x\n"}


def test_the_time_limit_stops_a_job_with_a_model(account, train):
    job, described = train("limited", None, ENDLESS, StoppingCondition={"MaxRuntimeInSeconds": 2})
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job.exit_code == 0 and "model.h5" in results(account, job, "model.tar.gz")


def test_configuration_is_as_the_service_writes_it(train):
    channels = [channel(ContentType="text/csv"), channel("validation", mode="FastFile")]
    job, _ = train("configuration", channels, {"seed": "7"}, shell(SHOW_CONFIGURATION))
    written = dict(line.split(" ", 1) for line in job.log.splitlines())
    assert json.loads(written["hyperparameters.json"]) == job.request["HyperParameters"]
    full = {"S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    assert json.loads(written["inputdataconfig.json"]) == {
        "training": {"TrainingInputMode": "File", "ContentType": "text/csv"} | full,
        "validation": {"TrainingInputMode": "FastFile"} | full,
    }
    resources = json.loads(written["resourceconfig.json"])
    assert (resources["current_host"], resources["hosts"]) == ("algo-1", ["algo-1"])
    assert (resources["current_instance_type"], resources["network_interface_name"]) == ("ml.c5.xlarge", "eth0")
    assert resources["instance_groups"][0]["hosts"] == ["algo-1"] and resources["topology"] is None
    assert "checkpointconfig.json" not in written and "init-config.json" in written


def test_hooks_of_a_request_are_configuration(train):
    hooks = {"DebugHookConfig": {"S3OutputPath": "s3://bucket/debug"}, "ProfilerConfig": {"DisableProfiler": True}}
    job, _ = train("hooks", algorithm=shell(SHOW_CONFIGURATION), **hooks)
    written = dict(line.split(" ", 1) for line in job.log.splitlines())
    assert json.loads(written["debughookconfig.json"]) == hooks["DebugHookConfig"]
    assert json.loads(written["profilerconfig.json"]) == hooks["ProfilerConfig"]


def test_the_folders_are_as_a_real_job_finds_them(train):
    channels = [channel(), channel("validation", mode="FastFile")]
    look = "cd /opt/ml; ls -A model output/data | tr '\\n' ' '; echo; find input/data -type f | sort; "
    job, _ = train("folders", channels, algorithm=shell(look + "touch input/data/training/x input/data/validation/x"))
    empty, *listed = job.log.splitlines()
    assert empty.split() == ["model:", "output/data:"]
    assert listed[:4] == [
        "input/data/training-manifest", "input/data/training/table.csv",
        "input/data/validation-manifest", "input/data/validation/table.csv",
    ]
    assert len(listed) == 5 and "validation/x" in listed[4] and "Read-only" in listed[4]


def test_variables_are_those_of_a_real_job(train):
    environment = {"LINES": "one\ntwo", "PRICE": "a$b ${HOME}"}
    job, described = train("variables", algorithm=shell("env"), Environment=environment)
    assert "TRAINING_JOB_NAME=variables\n" in job.log
    assert f"TRAINING_JOB_ARN={described['TrainingJobArn']}\n" in job.log
    assert "AWS_EXECUTION_ENV=AWS_ECS_EC2\n" in job.log
    assert "SAGEMAKER_METRICS_DIRECTORY=/opt/ml/output/metrics/sagemaker\n" in job.log
    assert "AWS_REGION=eu-west-1\n" in job.log and "PRICE=a$b ${HOME}\n" in job.log and "LINES=one\ntwo\n" in job.log
    assert "SM_" not in job.log and "TERM=" not in job.log


@pytest.mark.parametrize("name, algorithm, says", [
    ("neither", {}, "Epoch 2/2"),
    ("entrypoint-only", {"ContainerEntrypoint": ["/usr/local/bin/mlp"]}, "Epoch 2/2"),
    ("arguments-only", {"ContainerArguments": ["train", "--epochs", "3"]}, "Epoch 3/3"),
    ("both", {"ContainerEntrypoint": ["/usr/local/bin/mlp"], "ContainerArguments": ["--epochs", "1"]}, "Epoch 1/1"),
    ("a-command", {"ContainerArguments": ["sh", "-c", "echo ran $0 $1", "a", "b"]}, "ran a b"),
    ("words-of-an-entrypoint", {"ContainerEntrypoint": ["/usr/local/bin/mlp", "train"]}, "Epoch 2/2"),
])
def test_entrypoint_and_arguments_replace_those_of_the_image(train, name, algorithm, says):
    job, _ = train(name, algorithm=algorithm)
    assert job.status == "Completed" and says in job.log, job.log


def test_fast_file_trains_to_the_same_bytes_as_file(account, train):
    models = []
    for mode in ("File", "FastFile"):
        job, _ = train(f"mode-{mode}", [channel(mode=mode)])
        assert job.status == "Completed", job.log
        models.append(results(account, job, "model.tar.gz")["model.h5"])
    assert models[0] == models[1]


def test_the_mode_of_a_channel_without_one_is_the_jobs(train):
    without = channel()
    del without["InputMode"]
    fast_file = {"TrainingInputMode": "FastFile"}
    job, _ = train("mode-of-the-job", [without], algorithm=fast_file | shell(SHOW_CONFIGURATION))
    assert '"TrainingInputMode": "FastFile"' in job.log


@pytest.mark.parametrize("name, uri, kind, distribution", [
    ("object", "s3://bucket/inputs/deep/table.csv", "S3Prefix", "FullyReplicated"),
    ("slash", "s3://bucket/inputs/", "S3Prefix", "ShardedByS3Key"),
    ("part-of-a-name", "s3://bucket/inputs/de", "S3Prefix", "FullyReplicated"),
    ("manifest", "s3://bucket/manifest.json", "ManifestFile", "FullyReplicated"),
])
def test_channels_are_objects_prefixes_and_manifests(account, train, name, uri, kind, distribution):
    account.storage.write("s3://bucket/inputs/deep/table.csv", table(["no", "yes"]))
    manifest = [{"prefix": "s3://bucket/inputs/"}, "deep/table.csv"]
    account.storage.write("s3://bucket/manifest.json", json.dumps(manifest).encode())
    source = channel(uri=uri)
    source["DataSource"]["S3DataSource"] |= {"S3DataType": kind, "S3DataDistributionType": distribution}
    job, _ = train(f"channel-{name}", [source])
    assert job.status == "Completed", job.log


def test_a_prefix_without_objects_fails_before_the_container(train):
    job, described = train("no-objects", [channel(uri="s3://bucket/nothing")])
    assert described["FailureReason"].startswith("ClientError: No S3 objects") and job.exit_code is None


@pytest.mark.parametrize("name, uri, kind, says", [
    ("no-bucket", "s3://nowhere/data", "S3Prefix", "NoSuchBucket"),
    ("no-manifest", "s3://bucket/no-manifest.json", "ManifestFile", "NoSuchKey"),
])
def test_a_bucket_or_object_that_is_not_there_fails_the_job(train, name, uri, kind, says):
    source = channel(uri=uri)
    source["DataSource"]["S3DataSource"]["S3DataType"] = kind
    job, described = train(name, [source])
    assert described["FailureReason"] == f"ClientError: {says}: {uri}" and job.exit_code is None


def test_a_job_without_a_training_channel_says_which_there_are(train):
    _, described = train("no-training-channel", [channel("unknown")])
    assert "training" in described["FailureReason"] and "unknown" in described["FailureReason"]


def test_a_job_without_channels_says_which_it_needs(account, sagemaker):
    request = training_request("no-channels")
    del request["InputDataConfig"]
    sagemaker.create_training_job(**request)
    account.wait_for(account.training_job("no-channels"))
    described = sagemaker.describe_training_job(TrainingJobName="no-channels")
    assert described["TrainingJobStatus"] == "Failed" and "training" in described["FailureReason"]


def test_validation_and_test_have_channels_of_their_own(account, train):
    account.storage.write("s3://bucket/test/table.csv", table(["no", "yes"], rows=10, seed=1))
    channels = [channel("train"), channel("validation"), channel("test", "s3://bucket/test")]
    job, _ = train("three-channels", channels, {"validation_split": "0"})
    predictions = list(csv.reader(results(account, job, "output.tar.gz")["prediction.csv"].decode().splitlines()))
    assert [truth for truth, _ in predictions] == ["no", "yes"] * 5


def test_network_isolation_leaves_the_loopback_alone(train):
    isolated, _ = train("isolated", algorithm=shell("ls /sys/class/net"), EnableNetworkIsolation=True)
    connected, _ = train("connected", algorithm=shell("ls /sys/class/net"))
    assert isolated.log.split() == ["lo"] and "eth0" in connected.log.split()


def test_an_isolated_job_trains(train):
    job, _ = train("isolated-training", EnableNetworkIsolation=True)
    assert job.status == "Completed", job.log


def test_reserved_hyperparameters_are_passed_by(train):
    reserved = {
        "sagemaker_program": '"train.py"', "sagemaker_submit_directory": '"s3://bucket/sourcedir.tar.gz"',
        "sagemaker_container_log_level": "20", "sagemaker_region": '"eu-west-1"', "sagemaker_job_name": '"x"',
        "sagemaker_enable_cloudwatch_metrics": "false", "sagemaker_s3_output": '"s3://bucket"',
        "sagemaker_estimator_class_name": '"Estimator"', "sagemaker_mpi_enabled": "false",
        "default_user_module_name": '"train"', "_tuning_objective_metric": "validation:loss",
        "model_dir": '"s3://bucket/model"',
    }
    job, _ = train("reserved", None, reserved)
    assert job.status == "Completed", job.log


def test_checkpoints_go_to_s3_and_come_back(account, train):
    config = {"S3Uri": "s3://bucket/checkpoints", "LocalPath": "/opt/ml/state"}
    train("saves", algorithm=shell("echo 3 >/opt/ml/state/epoch"), CheckpointConfig=config)
    assert account.storage.read("s3://bucket/checkpoints/epoch") == b"3\n"
    script = "cat /opt/ml/state/epoch /opt/ml/input/config/checkpointconfig.json"
    job, _ = train("goes-on", algorithm=shell(script), CheckpointConfig=config)
    assert job.log == '3\n{"LocalPath": "/opt/ml/state"}'


def test_checkpoints_in_s3_are_those_that_the_job_leaves(account, train):
    config = {"S3Uri": "s3://bucket/ck/train-1"}
    account.storage.write("s3://bucket/ck/train-10/other", b"10")
    script = "cd /opt/ml/checkpoints; ls; echo 1 >old"
    job, _ = train("begins", algorithm=shell(script), CheckpointConfig=config)
    assert job.log == "", "another job's checkpoints came along"
    script = "cd /opt/ml/checkpoints; ls; rm old; echo 2 >new; echo 3 >part.sagemaker-ignore"
    job, _ = train("prunes", algorithm=shell(script), CheckpointConfig=config)
    assert job.log == "old\n"
    assert [key for key, _ in account.storage.objects("s3://bucket/ck/")] == ["ck/train-1/new", "ck/train-10/other"]


def test_a_spot_job_with_checkpoints_trains(train):
    job, _ = train(
        "spot", EnableManagedSpotTraining=True, CheckpointConfig={"S3Uri": "s3://bucket/spot"},
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
    )
    assert job.status == "Completed", job.log


def test_control_characters_are_escaped_in_the_log(train):
    job, _ = train("escaped", algorithm=shell("printf 'a\\tb\\rc\\033[0m\\n'"))
    assert job.log == "a#011b#015c#033[0m\n"


def test_the_log_is_in_cloudwatch(account, train):
    job, _ = train("logged")
    logs = boto3.client("logs", region_name="eu-west-1")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="logged/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
    assert [event["message"] for event in events["events"]] == [line for line in job.log.splitlines() if line]


def test_a_job_without_an_account(image, tmp_path):
    data = tmp_path / "data.csv"
    data.write_bytes(table(["no", "yes"]))
    job = TrainingJob(training_request("alone"), image, {"training": data}, tmp_path / "jobs").run()
    assert job.status == "Completed", job.log
    assert "model.h5" in files(job.model_archive.read_bytes())
    assert "history.csv" in files(job.output_archive.read_bytes())
    assert len(job.matches(r"- loss[:=] ?([0-9.]+)")) == 2 + 1
