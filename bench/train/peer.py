"""What the peers of bench/train.py have in common: a process that obeys lines of JSON, as bench/step.cc does.

A trial is one way to train one shape. {"command": "prepare", "folder", "variant", "precision"} makes it; "learn" and "run"
are as in bench/step.cc, of the trial that was prepared with the same three; "forget" lets go of all.
"""

import gc
import json
import os
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import shapes

THREADS = 2
STRETCH_SECONDS = 0.05


class Trial:
    """A framework's network in training."""

    def steps(self):
        """Learns for ever: after each call of the framework, yields how many steps it made, the seconds they took, and
        something that mean_loss() understands. What the framework does for a measurement alone is not in the seconds."""
        raise NotImplementedError

    def mean_loss(self, losses: list) -> float:
        """Of what steps() gave, all in all; calls of equally many steps."""
        return sum(map(float, losses)) / len(losses)

    def learn(self, count: int) -> dict:
        losses, done = [], 0
        for steps, _, loss in self.steps():
            losses.append(loss)
            done += steps
            if done >= count:
                break
        return {"steps": done, "loss": self.mean_loss(losses)}

    def run(self, seconds: float, warm_up: float) -> dict:
        stretches, losses, done = [], [], 0
        stretch_steps, stretch_seconds = 0, 0.0
        start = time.perf_counter()
        warm = False
        for steps, elapsed, loss in self.steps():
            if not warm:
                warm = time.perf_counter() - start >= warm_up
                if warm:
                    start = time.perf_counter()
                continue
            losses.append(loss)
            done += steps
            stretch_steps += steps
            stretch_seconds += elapsed
            if stretch_seconds >= STRETCH_SECONDS:
                stretches.append(stretch_seconds * 1e6 / stretch_steps)
                stretch_steps, stretch_seconds = 0, 0.0
                if time.perf_counter() - start >= seconds and len(stretches) >= 2:
                    break
        return {"steps": done, "stretches_us": stretches, "loss": self.mean_loss(losses)}


def serve(make, version: str):
    """make(shape, x, y, variant, precision) gives a Trial."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # What a framework prints is no answer.
    trials, data = {}, {}

    def answer(value):
        print(json.dumps(value), file=answers)

    answer({"ready": True, "version": version})
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["command"] == "forget":
                trials.clear()
                data.clear()
                gc.collect()
                answer({})
                continue
            key = command["folder"], command["variant"], command["precision"]
            if command["command"] == "prepare":
                if key[0] not in data:
                    data[key[0]] = shapes.read(pathlib.Path(key[0]))
                trials[key] = make(*data[key[0]], *key[1:])
                answer({})
            elif command["command"] == "learn":
                answer(trials[key].learn(command["steps"]))
            else:
                answer(trials[key].run(command["seconds"], command["warm_up"]))
        except Exception as error:
            traceback.print_exc()
            answer({"error": f"{type(error).__name__}: {error}"[:500]})
