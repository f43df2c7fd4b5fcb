"""Does mlp serve stay what it is under long load? docs/benchmarks.md has the answer as a section.

The bars: over a million requests of 16 connections none fails, and the memory after the first 50,000 and at the end differs
by less than 2 %; a SIGTERM during load leaves no request unanswered; a CSV body of 100 MB takes at most 150 MB of memory
above idle; and from the start of the process to the first 200 on /ping it takes at most 60 ms. Exits 1 if one is missed.
"""

import argparse
import contextlib
import dataclasses
import pathlib
import socket
import statistics
import sys
import tempfile
import threading
import time

import load
import models
import page
import servers

REQUESTS, FIRST_REQUESTS = 1_000_000, 50_000
MOST_GROWTH = 0.02
STOPS = 5
STOP_AFTER_SECONDS = 2
MOST_STOP_SECONDS = 25
LARGE_BYTES = 100_000_000
MOST_LARGE_MB = 150
STARTS = 20
MOST_START_MS = 60
MB = 1e6


@dataclasses.dataclass
class Row:
    what: str
    found: str
    bar: str
    met: bool


def request(body: models.Body, chunked: bool = False) -> bytes:
    """The head of a request."""
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body.data)}"
    lines = ["POST /invocations HTTP/1.1", "Host: localhost", f"Content-Type: {body.content_type}"]
    return "\r\n".join([*lines, f"Accept: {body.content_type}", length, "", ""]).encode()


class Connection:
    """A kept-alive connection that knows what it has sent whole, and what came back whole."""

    def __init__(self, port: int, timeout: float = 60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def line(self) -> bytes:
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def whole(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) != size:
            raise EOFError
        return data

    def answer(self) -> tuple[int, bool, bytes] | None:
        """Status, whether the server closes, and the body; none where the connection ended without an answer.

        Throws EOFError where it ended within the answer.
        """
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (header := self.line()) != b"\r\n":
            name, _, value = header.partition(b":")
            headers[name.strip().lower()] = value.strip().lower()
        if headers.get(b"transfer-encoding") == b"chunked":
            body = b""
            while size := int(self.line(), 16):
                body += self.whole(size)
                self.line()
            self.line()
        else:
            body = self.whole(int(headers.get(b"content-length", 0)))
        return int(line.split(b" ", 2)[1]), headers.get(b"connection") == b"close", body


def long_load(server: servers.Server, body: models.Body, folder: pathlib.Path) -> list[Row]:
    first = load.count(server.url, body, FIRST_REQUESTS, folder)
    before = server.memory("VmRSS")
    rest = load.count(server.url, body, REQUESTS - FIRST_REQUESTS, folder)
    after = server.memory("VmRSS")
    failed = first.failed + rest.failed
    growth = after / before - 1
    return [
        Row(
            f"{page.grouped(REQUESTS)} requests, {load.CONNECTIONS} connections: failures",
            f"{failed} (at {page.grouped(rest.per_second)} requests/s)",
            "0",
            failed == 0,
        ),
        Row(
            f"memory after {page.grouped(FIRST_REQUESTS)} and at the end",
            f"{before / MB:.1f} MB, {after / MB:.1f} MB: {growth:+.1%}",
            f"less than {MOST_GROWTH:.0%} apart",
            abs(growth) < MOST_GROWTH,
        ),
    ]


@dataclasses.dataclass
class Caller:
    """Sends a request, waits for its answer, and so on until the server says or shows that it closes."""

    sent: int = 0  # whole requests
    answered: int = 0  # whole answers, with status 200 and the right body
    others: int = 0  # whole answers of another kind
    cut: int = 0  # answers that ended too early
    after_stop: int = 0  # of `answered`, those that came after the signal

    def run(self, port: int, body: models.Body, expected: bytes, stopped: threading.Event):
        connection = Connection(port)
        text = request(body) + body.data
        with contextlib.closing(connection):
            while True:
                try:
                    connection.socket.sendall(text)
                    self.sent += 1
                    answer = connection.answer()
                except EOFError:
                    self.cut += 1
                    return
                except OSError:
                    return
                if answer is None:
                    return
                status, closes, data = answer
                if status == 200 and data == expected:
                    self.answered += 1
                    self.after_stop += stopped.is_set()
                else:
                    self.others += 1
                if closes:
                    return


def stop_under_load(start, bodies: list[models.Body]) -> list[Row]:
    """Connections send the bodies in turn: most are small, so that they are between two requests when the signal comes."""
    callers: list[Caller] = []
    seconds, codes = [], []
    for _ in range(STOPS):
        server = start()
        with contextlib.ExitStack() as stack:
            stack.callback(server.stop)
            server.wait()
            expected = [server.post(body) for body in bodies]
            stopped = threading.Event()
            these = [Caller() for _ in range(load.CONNECTIONS)]
            threads = [
                threading.Thread(target=caller.run, args=(server.port, bodies[i % len(bodies)], expected[i % len(bodies)], stopped))
                for i, caller in enumerate(these)
            ]
            for thread in threads:
                thread.start()
            time.sleep(STOP_AFTER_SECONDS)
            begin = time.perf_counter()
            stopped.set()
            codes.append(server.stop())
            seconds.append(time.perf_counter() - begin)
            for thread in threads:
                thread.join()
            callers += these

    def total(field: str) -> int:
        return sum(getattr(caller, field) for caller in callers)

    sent, answered = total("sent"), total("answered")
    exits = ", ".join(map(str, sorted(set(codes))))
    return [
        Row(
            f"SIGTERM during the load of {load.CONNECTIONS} connections, {STOPS} times: requests without a right answer",
            f"{sent - answered} of {sent} ({total('others')} had another answer, {total('cut')} a part of one; "
            f"{total('after_stop')} were answered after the signal)",
            "0",
            sent == answered,
        ),
        Row(
            "from SIGTERM to the exit, at most; exit code",
            f"{max(seconds):.2f} s; {exits}",
            f"{MOST_STOP_SECONDS} s; 0",
            max(seconds) <= MOST_STOP_SECONDS and set(codes) == {0},
        ),
    ]


def large_body(rows: bytes, size: int) -> models.Body:
    """The lines `rows`, again and again, up to `size` bytes."""
    data = rows * (size // len(rows) + 1)
    return models.Body("CSV", "text/csv", data[: data.rindex(b"\n", 0, size) + 1])


def send_large(server: servers.Server, body: models.Body, chunked: bool) -> float:
    """Posts the body; the seconds to its answer, which must have a line for each of the body's."""
    begin = time.perf_counter()
    connection = Connection(server.port)
    with contextlib.closing(connection):

        def send():
            connection.socket.sendall(request(body, chunked))
            if not chunked:
                connection.socket.sendall(body.data)
                return
            view = memoryview(body.data)
            for i in range(0, len(view), 1 << 16):
                part = view[i : i + (1 << 16)]
                connection.socket.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            connection.socket.sendall(b"0\r\n\r\n")

        sender = threading.Thread(target=send)
        sender.start()
        answer = connection.answer()
        sender.join()
    if answer is None or answer[0] != 200:
        raise RuntimeError(f"A body of {len(body.data)} bytes is not answered: {str(answer)[:2000]}")
    if answer[2].count(b"\n") != body.data.count(b"\n"):
        raise RuntimeError(f"{body.data.count(10)} rows are answered by {answer[2].count(10)} lines")
    return time.perf_counter() - begin


def large(start, model: models.Model, chunked: bool) -> Row:
    server = start()
    server.wait()
    try:
        for body in model.bodies(1):
            server.post(body)
        body = large_body(models.csv(model.rows[:2000]), LARGE_BYTES)
        idle = server.memory("VmRSS")
        seconds = send_large(server, body, chunked)
        above = (server.memory("VmHWM") - idle) / MB
    finally:
        server.stop()
    way = "in chunks" if chunked else "of known length"
    return Row(
        f"CSV body of {LARGE_BYTES / MB:.0f} MB, {model.name}, {way}: memory above idle",
        f"{above:.0f} MB (idle {idle / MB:.0f} MB; {body.data.count(10)} rows in {seconds:.1f} s)",
        f"{MOST_LARGE_MB} MB",
        above <= MOST_LARGE_MB,
    )


def start_ms(start) -> float:
    """From before the process is made until /ping is answered with 200; tries without a pause."""
    begin = time.perf_counter()
    server = start()
    try:
        while server.ping() != 200:
            if server.processes[0].poll() is not None or time.perf_counter() - begin > servers.START_SECONDS:
                raise RuntimeError(f"{server.name} does not start: {server.log.read_text(errors='replace')[-2000:]}")
        return (time.perf_counter() - begin) * 1e3
    finally:
        server.stop()


def starts(start, name: str) -> Row:
    times = [start_ms(start) for _ in range(STARTS)]
    median = statistics.median(times)
    return Row(
        f"process start to the first 200 on /ping, {name}, median of {STARTS}",
        f"{median:.1f} ms (from {min(times):.1f} to {max(times):.1f})",
        f"{MOST_START_MS} ms",
        median <= MOST_START_MS,
    )


def section(rows: list[Row], version: str) -> str:
    missed = [f"{row.what}: {row.found}." for row in rows if not row.met]
    return f"""What a long load, a stop signal and a large body do to `mlp serve`. `make soak` measures it and writes this section.

{table(rows)}

Of the bars of this run:{page.verdict(missed)}

- The million are MNIST rows as JSON, one a request, by h2load; a failure is any answer but 200, and none.
- The stop signal comes while each connection sends its next request as soon as its last is answered, and so finds them at
  every stage: whoever has sent a whole request must get its whole answer, with the right predictions, and
  `Connection: close` tells a caller to send no more on it. Most send one row, as JSON, CSV or npy, some 200.
- Memory is the resident set of the process, as Linux tells it: VmRSS, and its peak VmHWM. Each large body has a process of
  its own, which has answered three single rows before; the answer must have a line for each row.

The script is [bench/soak.py](../bench/soak.py). Measured on: {page.machine()}; {version}; h2load
{servers.package_version("nghttp2-client")}.
"""


def table(rows: list[Row]) -> str:
    return page.table(["what", "found", "bar"], [[row.what, row.found, row.bar] for row in rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options = models.parse(parser)

    rows: list[Row] = []

    def add(*more: Row):
        for row in more:
            print(f"{row.what}: {row.found}; bar: {row.bar}", flush=True)
        rows.extend(more)

    with tempfile.TemporaryDirectory(prefix="mlp-soak-") as name:
        folder = pathlib.Path(name)
        mnist, features30 = models.make_all(options.program, folder)

        def starter(model):
            return lambda: servers.mlp(options.program, model.model_dir, folder)

        add(*(starts(starter(model), model.name) for model in (mnist, features30)))
        add(*stop_under_load(starter(mnist), [*mnist.bodies(1), mnist.bodies(200)[1]]))
        for chunked in (False, True):
            add(*(large(starter(model), model, chunked) for model in (features30, mnist)))
        server = starter(mnist)()
        with contextlib.ExitStack() as stack:
            stack.callback(server.stop)
            server.wait()
            add(*long_load(server, mnist.bodies(1)[0], folder))

    print(f"\n{table(rows)}\n")
    if options.write:
        page.write_section(options.write, page.SOAK, section(rows, models.version(options.program)))
    print("All bars are met." if all(row.met for row in rows) else "A bar is missed.")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
