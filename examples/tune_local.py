"""Searches for good hyperparameters without AWS: Docker runs the image, Optuna (pip install optuna) picks values."""

import os
import pathlib
import re
import subprocess

import optuna
from mlp_image import describe

image = os.environ.get("MLP_IMAGE", "sagemaker-mlp:dev")
data = pathlib.Path("data").resolve()  # with mnist.npz
results = pathlib.Path("tuning").resolve()
if not data.is_dir():
    raise SystemExit(f"There is no folder {data}. Run this from the repository's root, after make demo.")

# The objective is read from the log, as SageMaker does it.
definitions = describe(image, task="classification")["metric_definitions"]
objective = next(metric["Regex"] for metric in definitions if metric["Name"] == "validation:loss")


def choose(trial: optuna.Trial) -> dict:
    return {
        "epochs": trial.suggest_int("epochs", 50, 200),
        "learning_rate": trial.suggest_float("learning_rate", 0.0001, 0.1, log=True),
        "batch_size": trial.suggest_int("batch_size", 32, 256),
        # At 1.0 dropout leaves nothing of the hidden layer, as in Keras: such a trial succeeds, learns no more than how
        # frequent each class is, and its loss is high.
        "drop_rate": trial.suggest_float("drop_rate", 0.0, 1.0),
    }


def train(trial: optuna.Trial) -> float:
    """Trains with the trial's values, in tuning/trial-<number>, and returns the last validation loss of the log."""
    values = choose(trial)
    folder = results / f"trial-{trial.number}"
    for name in ("model", "output"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    command = ["docker", "run", "--rm", f"--user={os.getuid()}:{os.getgid()}"]
    command += ["-v", f"{data}:/opt/ml/input/data/training:ro"]
    command += ["-v", f"{folder}/model:/opt/ml/model", "-v", f"{folder}/output:/opt/ml/output"]
    command += [image, "train"] + [f"--{name}={value}" for name, value in values.items()]

    losses = []
    stopped = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as job:
        for line in job.stdout:
            found = re.search(objective, line)
            if found and not stopped:
                losses.append(float(found[1]))
                trial.report(losses[-1], step=len(losses))
                if len(losses) < values["epochs"] and trial.should_prune():
                    stopped = True
                    job.terminate()  # the image saves what it has learned, and ends
    if job.returncode != 0:
        raise RuntimeError(f"Trial {trial.number} ended with exit code {job.returncode}: {line.strip()}")
    if stopped:
        raise optuna.TrialPruned()
    return losses[-1]


def main(trials: int = 4) -> None:
    # As with SageMaker's early stopping, a trial ends early that does worse than the median of those before it.
    study = optuna.create_study(
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=0),  # the same trials in each run
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=10),
    )
    study.optimize(train, n_trials=trials)

    print("trial  validation:loss  epochs  learning_rate  batch_size  drop_rate")
    for trial in study.trials:
        row = "{epochs:6}  {learning_rate:13.6f}  {batch_size:10}  {drop_rate:9.3f}".format(**trial.params)
        stopped = f"  stopped after {trial.last_step} epochs" if trial.state == optuna.trial.TrialState.PRUNED else ""
        print(f"{trial.number:5}  {trial.value:15.6f}  {row}{stopped}")
    print(f"The best model: {results}/trial-{study.best_trial.number}/model")


if __name__ == "__main__":
    main()
