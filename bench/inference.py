"""How fast does a network answer, apart from any server? Ours beside oneDNN's sgemm, PyTorch and ONNX Runtime.

Prints a table of median times, and how many times as long each peer takes. The programs take turns, round after round;
figures are medians of the rounds. A peer whose virtual environment is not there is left out: ONNX Runtime is in
.venv-bench, PyTorch in .venv-peers, or wherever --torch names an interpreter.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import page

# As in inference.cc: the widths of the inputs, the hidden layers and the outputs.
NETS = {"a": [784, 128, 10], "b": [30, 64, 32, 1], "c": [100, 512, 256, 128, 10], "d": [784, 2048, 2048, 10]}
ROWS = [1, 32, 1024]
THREADS = [1, 2]

Times = dict[tuple[str, int, int], dict[str, list[float]]]  # by net, rows and threads; then by program, in us


def torch_forward(widths: list[int], threads: int):
    import torch

    torch.set_num_threads(threads)
    layers = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1]).eval()

    def forward(x):
        with torch.inference_mode():
            return net(x)

    return forward, torch.from_numpy


def onnxruntime_forward(widths: list[int], threads: int):
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)
    nodes, weights, name = [], [], "x"
    for i, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        weights += [
            numpy_helper.from_array(rng.uniform(-0.1, 0.1, (inputs, outputs)).astype(np.float32), f"w{i}"),
            numpy_helper.from_array(rng.uniform(-0.1, 0.1, outputs).astype(np.float32), f"b{i}"),
        ]
        last = i + 2 == len(widths)
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], ["y" if last else f"z{i}"]))
        if not last:
            nodes.append(helper.make_node("Relu", [f"z{i}"], [f"h{i}"]))
        name = f"h{i}"
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", widths[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", widths[-1]])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(onnx.ModelProto.SerializeToString(model), options)
    return lambda x: session.run(None, {"x": x}), lambda x: x


PEERS = {"torch": torch_forward, "onnxruntime": onnxruntime_forward}


def time_peer(peer: str, seconds: float):
    """Prints a line of JSON for each case: net, rows, threads and the median time of a call in us."""
    import numpy as np

    for threads in THREADS:
        for net, widths in NETS.items():
            forward, convert = PEERS[peer](widths, threads)
            for rows in ROWS:
                if rows < threads:
                    continue
                x = convert(np.random.default_rng(1).uniform(-1, 1, (rows, widths[0])).astype(np.float32))
                for _ in range(10):
                    forward(x)
                times = []
                end = time.perf_counter() + seconds
                while time.perf_counter() < end or len(times) < 5:
                    start = time.perf_counter()
                    forward(x)
                    times.append((time.perf_counter() - start) * 1e6)
                print(json.dumps([net, rows, threads, statistics.median(times)]), flush=True)


def run(command: list) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def measure(program: pathlib.Path, pythons: dict[str, pathlib.Path], rounds: int, seconds: float) -> Times:
    times: Times = {}

    def add(net: str, rows: int, threads: int, name: str, microseconds: float):
        times.setdefault((net, rows, threads), {}).setdefault(name, []).append(microseconds)

    for _ in range(rounds):
        for line in run([program, seconds, "forward"]).splitlines():
            fields = line.split()
            if fields[0] == "forward":
                case = fields[1], int(fields[2]), int(fields[3])
                add(*case, "ours", float(fields[4]))
                add(*case, "sgemm", float(fields[5]))
        for peer, python in pythons.items():
            for line in run([python, __file__, "--peer", peer, "--seconds", seconds]).splitlines():
                net, rows, threads, microseconds = json.loads(line)
                add(net, rows, threads, peer, microseconds)
    return times


def table(times: Times) -> str:
    names = list(next(iter(times.values())))

    def cell(programs: dict[str, list[float]], name: str) -> str:
        median = statistics.median(programs[name])
        text = f"{median:.2f}" if median < 10 else f"{median:.0f}"
        return text if name == "ours" else f"{text} ({median / statistics.median(programs['ours']):.2f}x)"

    rows = [[net, str(rows), str(threads), *(cell(programs, name) for name in names)] for (net, rows, threads), programs in times.items()]
    return page.table(["net", "rows", "threads", *(f"{name}, us" for name in names)], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each case, in each round")
    parser.add_argument("--program", type=pathlib.Path, default=page.ROOT / "build/release/bin/mlp_bench_inference")
    parser.add_argument("--torch", type=pathlib.Path, default=page.ROOT / ".venv-peers/bin/python", help="an interpreter that has PyTorch")
    parser.add_argument("--onnxruntime", type=pathlib.Path, default=page.ROOT / ".venv-bench/bin/python", help="one that has ONNX Runtime")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        time_peer(options.peer, options.seconds)
        return 0
    pythons = {peer: getattr(options, peer) for peer in PEERS}
    for peer, python in pythons.items():
        if not python.exists():
            print(f"{peer} is left out: there is no {python}")
    there = {peer: python for peer, python in pythons.items() if python.exists()}
    print(f"{page.machine()}\n\n{table(measure(options.program, there, options.rounds, options.seconds))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
