"""How fast does mlp serve, beside Python servers of the same network and beside nginx? docs/benchmarks.md is its answer.

The servers take turns, round after round, under the same generators of load; figures are medians of the rounds. Before
that, all have to give the same predictions. The bars: one caller's MNIST row as JSON is answered in at most a quarter of
FastAPI's time; 16 connections get at least 8 times as many answers of it; and of a CSV row of 30 features at least 40 %
of what nginx gives of a static answer of that size. Exits 1 if one of them is missed.
"""

import argparse
import contextlib
import dataclasses
import importlib.metadata
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np
import onnxruntime

import load
import models
import page
import servers

MOST_LATENCY = 1 / 4
LEAST_THROUGHPUT = 8
LEAST_SHARE_OF_NGINX = 0.4
TOLERANCE = 1e-5
CHECKED_ROWS = 20
WARM_UP_SECONDS = 1


@dataclasses.dataclass
class Figures:
    """Of one server and one body, a value per round."""

    p50_ms: list[float] = dataclasses.field(default_factory=list)
    p99_ms: list[float] = dataclasses.field(default_factory=list)
    per_second: list[float] = dataclasses.field(default_factory=list)
    half_load_p99_ms: list[float] = dataclasses.field(default_factory=list)


Results = dict[tuple[str, str, str], Figures]  # by model, body and server


def check(model: models.Model, running: list[servers.Server]):
    """All servers predict what ONNX Runtime does."""
    session = onnxruntime.InferenceSession(model.onnx)
    rows = model.rows[:CHECKED_ROWS].reshape(CHECKED_ROWS, -1).astype(np.float32)
    expected = session.run(None, {"rows": rows})[0]
    for server in running:
        for body in model.bodies(CHECKED_ROWS):
            np.testing.assert_allclose(
                models.values(server.post(body), body.content_type),
                expected,
                rtol=0,
                atol=TOLERANCE,
                err_msg=f"{server.name}, {model.name} as {body.name}",
            )


def measure(model: models.Model, start: list, rounds: int, seconds: int, folder: pathlib.Path, progress) -> Results:
    results: Results = {}
    with contextlib.ExitStack() as stack:

        def launch(make, *arguments):
            server = make(*arguments, folder)
            stack.callback(server.stop)
            server.wait()
            return server

        running = [launch(*parts) for parts in start]
        check(model, running)
        bodies = model.bodies(1)
        sizes = {body.name: len(running[0].post(body)) for body in bodies}
        static = {body.name: launch(servers.static, body.content_type, sizes[body.name]) for body in bodies}
        for _ in range(rounds):
            for body in bodies:
                for server in [*running, static[body.name]]:
                    figures = results.setdefault((model.name, body.name, server.name), Figures())

                    def closed(connections, wanted=seconds):
                        done = load.closed(server.url, body, connections, wanted, folder)
                        if done.failed:
                            raise RuntimeError(f"{server.name} fails {done.failed} requests of {model.name} as {body.name}")
                        return done

                    closed(load.CONNECTIONS, WARM_UP_SECONDS)
                    one, many = closed(1), closed(load.CONNECTIONS)
                    half = load.paced(server.url, body, many.per_second / 2, seconds, folder)
                    if half.failed:
                        raise RuntimeError(f"{server.name} fails {half.failed} requests at half load")
                    figures.p50_ms.append(one.p50_ms)
                    figures.p99_ms.append(one.p99_ms)
                    figures.per_second.append(many.per_second)
                    figures.half_load_p99_ms.append(half.p99_ms)
                    progress(
                        f"{model.name}, {body.name}, {server.name}: one caller p50 {one.p50_ms:.3f} ms, p99 {one.p99_ms:.3f} ms; "
                        f"{many.per_second:.0f}/s; p99 at {half.per_second:.0f}/s {half.p99_ms:.3f} ms"
                    )
    return results


def median(results: Results, key: tuple[str, str, str], field: str) -> float:
    return statistics.median(getattr(results[key], field))


def bars(results: Results) -> tuple[list[str], list[str]]:
    """A sentence for each bar, and one for each that is missed."""

    def of(model, body, server, field):
        return median(results, (model, body, server), field)

    latency = of("MNIST", "JSON", "mlp", "p50_ms") / of("MNIST", "JSON", "FastAPI", "p50_ms")
    throughput = of("MNIST", "JSON", "mlp", "per_second") / of("MNIST", "JSON", "FastAPI", "per_second")
    share = of("30 features", "CSV", "mlp", "per_second") / of("30 features", "CSV", "nginx", "per_second")
    all_bars = [
        (
            f"One caller's MNIST row as JSON takes {latency:.2f} of FastAPI's time (p50); the bar is {MOST_LATENCY:.2f}.",
            latency <= MOST_LATENCY,
        ),
        (
            f"{load.CONNECTIONS} connections get {throughput:.1f} times as many answers of it; the bar is {LEAST_THROUGHPUT}.",
            throughput >= LEAST_THROUGHPUT,
        ),
        (
            f"Of a CSV row of 30 features, {share:.0%} of what nginx gives of a static answer of that size; "
            f"the bar is {LEAST_SHARE_OF_NGINX:.0%}.",
            share >= LEAST_SHARE_OF_NGINX,
        ),
    ]
    return [sentence for sentence, _ in all_bars], [sentence for sentence, met in all_bars if not met]


def table(results: Results) -> str:
    rows = []
    for model, body, server in results:

        def cell(field, digits):
            return f"{median(results, (model, body, server), field):.{digits}f}"

        spread = results[model, body, server].per_second
        rows.append(
            [
                *(model, body, server),
                cell("p50_ms", 3),
                cell("p99_ms", 3),
                page.grouped(statistics.median(spread)),
                f"{(max(spread) - min(spread)) / statistics.median(spread):.0%}",
                cell("half_load_p99_ms", 2),
            ]
        )
    header = ["model", "body", "server", "one caller: p50, ms", "p99, ms", f"{load.CONNECTIONS} callers: requests/s"]
    return page.table([*header, "spread", "p99 at half of that, ms"], rows)


def section(results: Results, rounds: int, seconds: int, version: str) -> str:
    sentences, missed = bars(results)
    nginx, fastapi = (median(results, ("MNIST", "JSON", server), "p50_ms") for server in ("nginx", "FastAPI"))
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("onnxruntime", "fastapi", "uvicorn", "flask", "gunicorn")]
    packages += [f"{name} {servers.package_version(name)}" for name in ("nginx-light", "wrk", "nghttp2-client")]
    return f"""`mlp serve` beside two Python servers of the same network, one row a request. `make bench-serve` measures them all and
writes this section.

{table(results)}

{chr(10).join(f"- {sentence}" for sentence in sentences)}

Of the bars of this run:{page.verdict(missed)}

What this machine needs to send and to wake a thread is in all figures of one caller: nginx's static answer takes {nginx / fastapi:.2f}
of FastAPI's time for that row.

- FastAPI is the best that Python gives: uvicorn with uvloop and httptools, 2 workers, orjson, the body read without a
  schema, ONNX Runtime with one thread for each. Flask is SageMaker's scikit-learn image's way: nginx before gunicorn with 2
  gevent workers, the json of Python's library, the same ONNX Runtime. nginx alone gives a static answer as long as that
  of `mlp`, and reads no row: it is the limit of what HTTP costs here, by as many workers as there are cores.
- All predict the same, to {TOLERANCE:g}, for JSON, CSV and npy: that is checked before any clock runs. The networks: MNIST's
  784-128-10, its pixels sent as value / 255 of 64-bit floats in `{{"instances": ...}}`; and {models.FEATURES}-128-2 for {models.FEATURES} made-up features
  of four digits. An answer comes in the format of its request.
- The callers run on the same cores, over the loopback interface and kept-alive connections. One and {load.CONNECTIONS} callers: wrk, one
  thread; each sends when its last answer is there. Half load: h2load at half of the requests/s just measured, whatever
  the answers take; the wait of requests that a late answer has held back is counted.
- {rounds} rounds of {seconds} s for each figure, the servers in turn; figures are medians, the spread is the widest difference of
  requests/s between rounds.

The script is [bench/serve.py](../bench/serve.py). Measured on: {page.machine()}; {version}; Python {sys.version.split()[0]};
{", ".join(packages)}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load, in each round")
    parser.add_argument("--peers_only", action="store_true", help="measure the others without mlp")
    options = models.parse(parser)

    start_time = time.perf_counter()
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="mlp-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # nginx's workers are not root
        for model in models.make_all(options.program, folder):
            ours = [] if options.peers_only else [(servers.mlp, options.program, model.model_dir)]
            start = [*ours, (servers.fastapi, model), (servers.flask, model)]
            results |= measure(model, start, options.rounds, options.seconds, folder, lambda text: print(text, flush=True))
    print(f"{time.perf_counter() - start_time:.0f} s\n\n{table(results)}\n")
    if options.peers_only:
        return 0
    sentences, missed = bars(results)
    print("\n".join(sentences))
    if options.write:
        version = models.version(options.program)
        page.write_section(options.write, page.SERVING, section(results, options.rounds, options.seconds, version))
    print("\n".join(["Missed:", *missed]) if missed else "All bars are met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
