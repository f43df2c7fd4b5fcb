"""Who trains in bench/train.py: processes that obey lines of JSON, each idle while another is measured."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys

import idle
import page

THREADS = 2
MOST_DISTURBED = 0.1  # of one CPU's time, by others, while a contestant runs
TRIES = 5


class Failed(Exception):
    """A contestant says why it can't."""


class Worker:
    def __init__(self, command: list, log: pathlib.Path):
        self.name = pathlib.Path(command[0] if len(command) > 2 else command[-1]).stem
        self.log = log
        environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "TF_CPP_MIN_LOG_LEVEL": "2"}
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        self.version = self.read().get("version")

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise Failed(self.log.read_text().strip()[-500:] or f"ended with {self.process.returncode}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def ask(self, command: str, **arguments) -> dict:
        print(json.dumps({"command": command, **arguments}), file=self.process.stdin, flush=True)
        return self.read()

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def mlp(folder: pathlib.Path, precision: str, log: pathlib.Path, threads=THREADS, workers=THREADS, prefix=()) -> Worker:
    program = page.ROOT / "build/release/bin/mlp_bench_step"
    return Worker([*prefix, program, folder, 0, threads, workers, precision], log)


def peer(name: str, log: pathlib.Path) -> Worker:
    return Worker([sys.executable, page.ROOT / f"bench/train/peer_{name}.py"], log)


@contextlib.contextmanager
def busy_neighbour(cpu: int):
    """Keeps a CPU busy meanwhile; gives the process."""
    spin = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", spin]) as process:
        try:
            yield process
        finally:
            process.kill()


def measured(worker: Worker, arguments: dict, seconds: float, warm_up: float, neighbour: int | None = None) -> tuple[dict, float]:
    """What the worker answers to "run", on a machine that is idle but for a busy process on CPU `neighbour`, and the share
    of a CPU that others took meanwhile: anew where it was much."""
    for left in reversed(range(TRIES)):
        idle.wait()
        with contextlib.nullcontext() if neighbour is None else busy_neighbour(neighbour) as beside:
            watch = idle.Watch(worker.process.pid, *([beside.pid] if beside else []))
            answer = worker.ask("run", seconds=seconds, warm_up=warm_up, **arguments)
            others = watch.share()
        if others <= MOST_DISTURBED or not left:
            return answer, others
