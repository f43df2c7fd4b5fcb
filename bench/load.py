"""The generators of load: wrk for closed loops, h2load for a fixed rate and for a fixed number of requests."""

import dataclasses
import json
import math
import pathlib
import re
import subprocess

import models
import page

CONNECTIONS = 16


@dataclasses.dataclass
class Load:
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int  # requests without an answer of status 200


def run(command: list) -> str:
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ends with {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


def body_file(body: models.Body, folder: pathlib.Path) -> pathlib.Path:
    path = folder / "body"
    path.write_bytes(body.data)
    return path


def closed(url: str, body: models.Body, connections: int, seconds: int, folder: pathlib.Path) -> Load:
    """Kept-alive connections that each send the next request when the last is answered."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", page.ROOT / "bench/serve/post.lua", url]
    text = run([*command, "--", body_file(body, folder), body.content_type])
    figures = json.loads(text.splitlines()[-1])
    per_second = figures["requests"] / figures["microseconds"] * 1e6
    return Load(per_second, figures["p50"] / 1e3, figures["p99"] / 1e3, figures["failed"])


def h2load(url: str, body: models.Body, folder: pathlib.Path, *arguments) -> str:
    command = ["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", "-d", body_file(body, folder), *arguments]
    return run([*command, "-H", f"Content-Type: {body.content_type}", "-H", f"Accept: {body.content_type}", url])


def count(url: str, body: models.Body, requests: int, folder: pathlib.Path) -> Load:
    """Exactly so many requests."""
    text = h2load(url, body, folder, "-n", requests)
    per_second = float(re.search(r"finished in .*, ([\d.]+) req/s", text)[1])
    succeeded = int(re.search(r"status codes: (\d+) 2xx", text)[1])
    return Load(per_second, math.nan, math.nan, requests - succeeded)


def stagger_ms(interval_ms: float) -> int:
    """How long after one connection the next one starts, so that their requests are spread over the interval."""

    def least_gap(period_ms):
        phases = sorted(i * period_ms % interval_ms for i in range(CONNECTIONS))
        return min(b - a for a, b in zip(phases, [*phases[1:], phases[0] + interval_ms], strict=True))

    return max(range(1, 20), key=least_gap)


def paced(url: str, body: models.Body, per_second: float, seconds: int, folder: pathlib.Path) -> Load:
    """Requests at a fixed rate, shared equally by the connections.

    A connection whose answer is late sends its next request late. Those that should have been sent meanwhile are added
    with the time that they would have waited, as HdrHistogram's recordValueWithExpectedInterval does.
    """
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    each = max(1, round(per_second / CONNECTIONS))
    stagger = ("-r", 1, "--rate-period", f"{stagger_ms(1000 / each)}ms")
    requests = each * CONNECTIONS * seconds
    h2load(url, body, folder, "-n", requests, "--rps", each, *stagger, "--log-file", log)
    entries = [line.split() for line in log.read_text().splitlines()]
    interval_us = 1e6 / each
    times = []
    for _, _, time_us in entries:
        waited_us = float(time_us)
        while waited_us > 0:
            times.append(waited_us)
            waited_us -= interval_us
    times.sort()

    def percentile(share):
        return times[math.ceil(share * len(times)) - 1] / 1e3

    failed = requests - sum(status == "200" for _, status, _ in entries)
    return Load(each * CONNECTIONS, percentile(0.5), percentile(0.99), failed)
