"""A storm of malformed requests on mlp serve, over raw sockets; needs nothing but Python.

Passes (exit 0) where the servers still answer after it, end with 0 when they are told to, have no report of a
sanitizer in their logs, and where every answer was HTTP with a status below 500, or 503, and every refusal JSON with
"error". Request I of a seed is always the same: --only I sends and shows that one alone.
"""

import argparse
import collections
import dataclasses
import http.client
import io
import json
import multiprocessing
import os
import pathlib
import queue
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# The servers' time-outs: short, so that slow senders are many.
TIMEOUT_SECONDS = 0.5
# A connection on which nothing has come for so long hangs.
PATIENCE_SECONDS = 30
LIMIT_MB = 1
WORKERS = 3
THREADS_PER_WORKER = 16
REPORT = re.compile(rb"Sanitizer|runtime error:|terminate called|Assertion|Internal error")


# ---- Models, and requests that are sound ----


def npy(descr: str, shape: str, values: bytes, version: int = 1) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    length = struct.Struct("<H" if version == 1 else "<I")
    start = 8 + length.size
    header += " " * (-(start + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY" + bytes([version, 0]) + length.pack(len(header)) + header.encode() + values


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    file: str
    rows: bytes
    flags: tuple[str, ...]
    sound: tuple[tuple[str, bytes], ...]  # content types with bodies that have to be answered


def numbers_model() -> Model:
    draw = random.Random(1)
    lines = [",".join([str(i % 3), *(f"{draw.random() + i % 3:.4f}" for _ in range(8))]) for i in range(60)]
    row = [0.5, -1, 2e3, 4, 5, 6.25, 7, 8]
    text = ",".join(map(str, row))
    return Model(
        "numbers",
        "rows.csv",
        "\n".join(lines).encode(),
        (),
        (
            ("application/json", json.dumps([row, row, row]).encode()),
            ("application/json", json.dumps({"instances": [row]}).encode()),
            ("application/json", json.dumps({"inputs": {"x": [row]}}).encode()),
            ("application/json", json.dumps({"instances": [{"features": row}, {"features": row}]}).encode()),
            ("application/json", json.dumps([{"data": {"features": {"values": row}}}]).encode()),
            ("application/jsonlines", f"[{text}]\n[{text}]\n".encode()),
            ("text/csv", f"{text}\n{text}\r\n{text}".encode()),
            ("text/csv; label_size=1", f"1,{text}\n".encode()),
            ("application/x-npy", npy("<f4", "(2, 8)", struct.pack("<16f", *row, *row))),
            ("application/x-npy", npy(">i8", "(8,)", struct.pack(">8q", *map(int, row)), version=2)),
            ("application/octet-stream", f"{text}\n".encode()),
        ),
    )


def people_model() -> Model:
    lines = ["age,job,since,bought"]
    for i in range(60):
        age = "" if i % 7 == 0 else str(20 + i)
        job = ("", "clerk", '"cook, chief"')[i % 3]
        lines.append(f"{age},{job},20{i % 20 + 10}-0{i % 9 + 1}-11,{('no', 'yes')[i % 2]}")
    record = {"age": 30, "job": "clerk", "since": "2015-03-04"}
    gaps = {"age": None, "job": "cook, chief", "since": None}
    return Model(
        "people",
        "rows.csv",
        "\n".join(lines).encode(),
        ("--target", "bought"),
        (
            ("application/json", json.dumps([record, gaps]).encode()),
            ("application/json", json.dumps({"instances": [gaps]}).encode()),
            ("application/json", json.dumps(record).encode()),
            ("application/jsonlines", (json.dumps(record) + "\n" + json.dumps(gaps) + "\n").encode()),
            ("text/csv", b'30,clerk,2015-03-04\n,"cook, chief",\n'),
            ("text/csv", b'job,since,age\r\n"cl""erk",2015-03-04,30\r\n'),
        ),
    )


def pictures_model() -> Model:
    draw = random.Random(2)
    pixels = bytes(draw.randrange(256) for _ in range(40 * 36))
    rows = io.BytesIO()
    with zipfile.ZipFile(rows, "w") as archive:
        archive.writestr("x.npy", npy("|u1", "(40, 6, 6)", pixels))
        archive.writestr("y.npy", npy("|u1", "(40,)", bytes(i % 2 for i in range(40))))
    picture = [[round(draw.random(), 3) for _ in range(6)] for _ in range(6)]
    flat = [value for line in picture for value in line]
    return Model(
        "pictures",
        "rows.npz",
        rows.getvalue(),
        (),
        (
            ("application/json", json.dumps(picture).encode()),
            ("application/json", json.dumps({"instances": [picture, picture]}).encode()),
            ("application/json", json.dumps([[[value] for value in line] for line in picture]).encode()),
            ("application/jsonlines", json.dumps(flat).encode()),
            ("text/csv", ",".join(map(str, flat)).encode()),
            ("application/x-npy", npy("|u1", "(3, 6, 6)", pixels[:108], version=3)),
        ),
    )


def models() -> list[Model]:
    return [numbers_model(), people_model(), pictures_model()]


def framed(content_type: str, body: bytes, *more: bytes) -> bytes:
    head = [b"POST /invocations HTTP/1.1", b"Host: localhost", b"Content-Type: " + content_type.encode(), *more]
    head.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunked(content_type: str, chunks: list[bytes]) -> bytes:
    head = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    parts = [head.encode(), b"Transfer-Encoding: chunked\r\n\r\n"]
    parts += [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk]
    return b"".join(parts) + b"0\r\n\r\n"


# ---- Attacks: each gives the bytes of one connection ----


# Made once: what is long.
LONG_LINE = b"a" * 70_000
LONG_VALUE = b"A: " + b"y" * 100_000
LONG_EXTENSION = b"5;" + b"e" * 50_000 + b"\r\nabcde\r\n0\r\n\r\n"
LONG_SIZE = b"1" * 50_000
LONG_TRAILER = b"0\r\n" + b"T: x\r\n" * 20_000 + b"\r\n"
SMALL_CHUNKS = b"1\r\n[\r\n" * 5000 + b"0\r\n\r\n"
LARGE_CHUNK = b"200000\r\n" + b" " * 0x200000 + b"\r\n0\r\n\r\n"
LONG_DIGITS = b"9" * 100_000


def cut(draw: random.Random, data: bytes, pieces: int) -> list[bytes]:
    places = sorted(draw.randrange(len(data) + 1) for _ in range(pieces - 1))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)])]


def noise(draw: random.Random, most: int) -> bytes:
    return draw.randbytes(draw.randrange(1, most))


SPLICES = [
    b"\0", b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\r\n", b"\n", b"\r", b"\t", b",", b",,", b'"', b'""', b"'", b"\\", b"\\u",
    b"\\ud800", b"[", b"]", b"{", b"}", b":", b"[[[[", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"1e-999",
    b"9" * 400, b"0." + b"0" * 400 + b"1", b"1e+", b"--1", b"0x10", b"{}", b"[]", b'{"a":1}', b'"instances":', b"%", b"{}{}",
]  # fmt: skip


def mutated(draw: random.Random, data: bytes, most: int = 6) -> bytes:
    data = bytearray(data)
    for _ in range(draw.randrange(1, most)):
        at = draw.randrange(len(data) + 1)
        what = draw.randrange(6)
        if what == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            del data[at : at + draw.randrange(1, 20)]
        elif what == 2:
            data[at:at] = draw.choice(SPLICES)
        elif what == 3:
            data[at:at] = data[at : at + draw.randrange(1, 200)]
        elif what == 4 and at < len(data):
            data[at] = draw.randrange(256)
        else:
            end = draw.randrange(len(data) + 1)
            data[at:at] = data[min(at, end) : max(at, end)][:500]
    return bytes(data)


def valid(draw, model):
    kind, body = draw.choice(model.sound)
    if draw.random() < 0.3:
        return [chunked(kind, cut(draw, body, draw.randrange(1, 6)))]
    return [framed(kind, body) * draw.randrange(1, 4)]


def body_mutations(draw, model):
    kind, body = draw.choice(model.sound)
    body = mutated(draw, body)
    if draw.random() < 0.2:
        return [chunked(kind, cut(draw, body, 4))]
    return [b"".join(framed(kind, mutated(draw, body, 3)) for _ in range(draw.randrange(1, 5)))]


def wrong_type(draw, model):
    _, body = draw.choice(model.sound)
    kind, _ = draw.choice(draw.choice(models_of_process).sound)
    accept = draw.choice([b"", b"*/*", b"text/csv", b"a/b", b"text/csv;q=x", b",;q=", b"*", b"/" * 500, b"\xff/*"])
    return [framed(kind, body, b"Accept: " + accept)]


def request_mutations(draw, model):
    kind, body = draw.choice(model.sound)
    return [mutated(draw, framed(kind, body) if draw.random() < 0.6 else chunked(kind, cut(draw, body, 3)))]


def random_bytes(draw, model):
    return [noise(draw, 3000) + draw.choice([b"", b"\r\n\r\n"])]


def random_bodies(draw, model):
    kind, _ = draw.choice(model.sound)
    start = draw.choice([b"", b"[", b"[[", b'{"instances":[', b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00", b'{"', b"1,2\n"])
    return [framed(kind, start + noise(draw, 2000))]


def bad_headers(draw, model):
    line = draw.choice(
        [b"no colon", b": no name", b"A b: c", b"A\0: b", b"A: b\0c", b" folded", b"Host : x", b"\xff\xfe: x", b"A: \xff",
         b"X" * 9000 + b": y", LONG_VALUE, b"Content-Type: " + b";" * 5000, b"A:b\rC:d", b"A:b\nC:d", b"A:\x7f",
         b"Connection: " + b"close," * 1000, b"Expect: the worst", b"Upgrade: h2c", b"Host: b\r\nHost: c", b"Range: bytes=0-"]
    )  # fmt: skip
    kind, body = draw.choice(model.sound)
    return [framed(kind, body, *[line] * draw.choice([1, 1, 1, 30]))]


def bad_first_lines(draw, model):
    line = draw.choice(
        [b"GET", b"GET /ping", b"GET /ping HTTP", b"GET /ping HTTP/1.", b"GET /ping HTTP/2.0", b"GET /ping HTTP/1.1.1", b"",
         b" GET /ping HTTP/1.1", b"GET\t/ping\tHTTP/1.1", b"GET /pi ng HTTP/1.1", b"G\0T / HTTP/1.1", b"GET * HTTP/1.1",
         b"GET http://localhost/ping HTTP/1.1", b"GET /" + LONG_LINE + b" HTTP/1.1", b"CONNECT a:1 HTTP/1.1",
         b"OPTIONS * HTTP/1.1", b"GET /%00%ff%zz HTTP/1.1", b"GET /ping?" + b"&" * 3000 + b" HTTP/1.1", b"M" * 3000,
         b"get /ping http/1.1", b"POST /invocations#x HTTP/1.1", b"GET /../../etc/passwd HTTP/1.1", b"TRACE / HTTP/1.1"]
    )  # fmt: skip
    return [line + b"\r\nHost: a\r\n\r\n" + draw.choice([b"", b"[[1]]"])]


def header_lists(draw, model):
    count = draw.choice([50, 100, 500, 5000, 20_000])
    return [b"GET /ping HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(count)) + b"\r\n"]


def bad_lengths(draw, model):
    kind, body = draw.choice(model.sound)
    length = draw.choice(
        [b"-1", b"+5", b"1e3", b"0x10", b"", b" ", b"5 5", b"5,5", b"9" * 30, b"18446744073709551615", b"9223372036854775808",
         b"18446744073709551616", b"4294967296", b"1048577", b"1048576", b"\xff", b"%d" % (len(body) + draw.randrange(1, 99)),
         b"%d" % draw.randrange(len(body)), b"00000%d" % len(body), b"%d\r\nContent-Length: 3" % len(body)]
    )  # fmt: skip
    head = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: " + kind.encode() + b"\r\nContent-Length: " + length
    return [head + b"\r\n\r\n" + body]


def bad_chunks(draw, model):
    kind, body = draw.choice(model.sound)
    good = chunked(kind, cut(draw, body, 3))
    head, _, rest = good.partition(b"\r\n\r\n")
    rest = draw.choice(
        [b"zz\r\n", b"-1\r\n", b"\r\n", b"f" * 16 + b"\r\n", b"f" * 17 + b"\r\n", b"7fffffffffffffff\r\n", b"5\r\nabc\r\n", b"0x5\r\n",
         LONG_EXTENSION, LONG_SIZE, LONG_TRAILER, b"0\r\nbad trailer\r\n\r\n",
         SMALL_CHUNKS, b"5\nabcde\n0\n\n", b"5\r\nabcde0\r\n\r\n", LARGE_CHUNK,
         mutated(draw, rest), mutated(draw, rest), mutated(draw, rest), rest[: draw.randrange(len(rest))], b" 5\r\nabcde\r\n0\r\n\r\n"]
    )  # fmt: skip
    return [head + b"\r\n\r\n" + rest]


def smuggled(draw, model):
    inner = b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\n"
    first, second = draw.choice(
        [(b"Content-Length: 4", b"Transfer-Encoding: chunked"), (b"Transfer-Encoding: chunked", b"Content-Length: 4"),
         (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), (b"Transfer-Encoding: x", b"Transfer-Encoding: chunked"),
         (b"Transfer-Encoding:\x0bchunked", b"Content-Length: 4"), (b"Transfer-Encoding : chunked", b"Content-Length: 4"),
         (b"Transfer-Encoding: xchunked", b"Content-Length: 4"), (b"Content-Length: 4", b"Content-Length: 5"),
         (b"X: y\nTransfer-Encoding: chunked", b"Content-Length: 4"), (b"Content-Length: 0", b"Transfer-Encoding: chunked"),
         (b"Transfer-Encoding: chunked, chunked", b"A: b"), (b"Transfer-Encoding:\r\n chunked", b"Content-Length: 5")]
    )  # fmt: skip
    return [b"POST /invocations HTTP/1.1\r\nHost: a\r\n%s\r\n%s\r\n\r\n0\r\n\r\n%s" % (first, second, inner)]


def nested(draw, model):
    deep = draw.choice([b"[", b'{"a":', b'{"instances":', b'[{"a":', b'{"features":[', b"[[1],"]) * draw.choice([20, 70, 5000, 100_000])
    close = draw.choice([b"", b"1", b"]" * 5000, b"}" * 5000])
    return [framed(draw.choice(["application/json", "application/jsonlines"]), (deep + close)[: 1 << 20])]


def huge_numbers(draw, model):
    number = draw.choice(
        [LONG_DIGITS[: draw.choice([40, 400, 100_000])], b"1e%d" % draw.choice([38, 39, 308, 309, 99999, 10**30]), b"-1e400",
         b"0.%0*d" % (draw.choice([50, 400, 50_000]), 1), b"1e-%d" % draw.choice([45, 46, 400, 10**30]), b"3.4028236e38",
         b"340282356779733661637539395458142568448", b"1" + b"0" * 400 + b"e-400", b"1.7976931348623159e308", b"NaN", b"Infinity",
         b"-inf", b"nan", b"0x1p5000", b"1_000", b"1,5", "１２".encode(), b"--5", b".", b"-", b"1e", b"5" * 60_000 + b".5"]
    )  # fmt: skip
    kind, body = draw.choice(model.sound)
    places = [match for match in re.finditer(rb"-?\d+(\.\d+)?(e[-+]?\d+)?", body)]
    if not places:
        return [framed(kind, number)]
    place = draw.choice(places)
    return [framed(kind, body[: place.start()] + number + body[place.end() :])]


def wrong_utf8(draw, model):
    wrong = draw.choice(
        [b"\xff", b"\xc0\x80", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80", b"\xef\xbb\xbf",
         b"\xff\xfe[\0[\0", b"\\ud800", b"\\udc00\\ud800", b"\\u12", b"\\x", b"\0", b"\x1b[31m", "ａ\u202e\U0001f600".encode()]
    )  # fmt: skip
    kind, body = draw.choice(model.sound)
    at = draw.choice([0, len(body), body.find(b'"') + 1, draw.randrange(len(body))])
    return [framed(kind, body[:at] + wrong + body[at:])]


def odd_npy(draw, model):
    descr = draw.choice(["<f4", ">f8", "|O", "|b1", "<c8", "<U4", "|V8", "|u1", "<i8", "<f2", "<f16", "", "f4", "<" * 900])
    shape = draw.choice(
        ["(2, 8)", "(8,)", "()", "(0, 8)", "(-1, 8)", "(1, 36)", "(6, 6)", "(3, 6, 6)", "(4294967296, 4294967296)", "(18446744073709551616,)",
         "(2305843009213693952, 8)", "(1000000000, 8)", "8", "(2, 8", "(" + "1, " * 3000 + "8)", "(0,)", "(1, 1, 8)", "(2.0, 8)", "(True, 8)"]
    )  # fmt: skip
    body = npy(descr, shape, draw.randbytes(draw.choice([0, 3, 32, 36, 64, 128, 500])), draw.choice([1, 2, 3, 4]))
    if draw.random() < 0.3:
        body = mutated(draw, body)
    if draw.random() < 0.1:
        body = body[: draw.randrange(12)]
    return [framed(draw.choice(["application/x-npy", "application/octet-stream"]), body)]


def many_rows(draw, model):
    text = draw.choice([b"\n", b",", b"1\n", b'"', b"1," * 100 + b"\n", b'"\n', b"\r", b"1,2,3,4,5,6,7,8\n", b" ", b"[]\n", b"{}\n", b"[1]\n"])
    kind = draw.choice(["text/csv", "application/jsonlines", "application/json", "application/octet-stream"])
    return [framed(kind, text * (draw.choice([10, 1000, 20_000]) // len(text) + 1))]


def truncated(draw, model):
    data = b"".join(valid(draw, model))
    return [data[: draw.randrange(len(data))]]


def expectations(draw, model):
    kind, body = draw.choice(model.sound)
    data = framed(kind, body, b"Expect: 100-continue")
    return [data] if draw.random() < 0.5 else [data[: data.find(b"\r\n\r\n") + 4]]


def empty(draw, model):
    return [draw.choice([b"", b"\r\n", b"\n", b"\r\n" * 1000, b"\0", b"\n" * 100_000])]


def slow(draw, model):
    data = draw.choice([valid, truncated, bad_chunks, request_mutations])(draw, model)[0][:3000]
    return cut(draw, data, draw.randrange(2, 12))


FAST = {
    valid: 4, body_mutations: 22, wrong_type: 3, request_mutations: 16, random_bytes: 4, random_bodies: 6, bad_headers: 6,
    bad_first_lines: 4, header_lists: 1, bad_lengths: 6, bad_chunks: 6, smuggled: 4, nested: 2, huge_numbers: 8, wrong_utf8: 6,
    odd_npy: 6, many_rows: 3, truncated: 8, expectations: 2, empty: 1,
}  # fmt: skip
SLOW_SHARE = 0.015  # of the requests: they take a time-out each
WAIT_SHARE = 0.03  # of the others keep their side open until the server's answer, or its time-out


@dataclasses.dataclass
class Attack:
    kind: str
    server: int
    pieces: list[bytes]
    pause_seconds: float
    ending: str  # half: of both sides, ours is closed; wait: for an answer; close, reset: no one reads


models_of_process: list[Model] = models()


def make_attack(seed: int, index: int) -> Attack:
    draw = random.Random(f"{seed} {index}")
    server = draw.randrange(len(models_of_process))
    model = models_of_process[server]
    if draw.random() < SLOW_SHARE:
        pause = draw.choice([0.005, 0.03, 0.1, 0.7])
        return Attack("slow", server, slow(draw, model), pause, draw.choice(["half", "wait", "close"]))
    [make] = draw.choices(list(FAST), FAST.values())
    pieces = make(draw, model)
    if draw.random() < 0.2:
        pieces = cut(draw, pieces[0], draw.randrange(2, 5))
    ending = "half"
    if make is not valid:
        chance = draw.random()
        if chance < WAIT_SHARE:
            ending = "wait"
        elif chance < 0.08:
            ending = "close"
        elif chance < 0.12:
            ending = "reset"
    return Attack(make.__name__, server, pieces, 0, ending)


# ---- One connection ----


class Finding(Exception):
    pass


def read_answers(data: bytes, ended: bool) -> list[int] | None:
    """The statuses of all answers; None where the last is not whole yet."""
    statuses = []
    while data:
        head, separator, rest = data.partition(b"\r\n\r\n")
        if not separator:
            if not b"HTTP/1.1 ".startswith(data[:9]):
                raise Finding(f"no HTTP: {data[:200]!r}")
            return None
        match = re.match(rb"HTTP/1\.1 ([1-5]\d\d) [^\r\n]*(\r\n|$)", head)
        if not match:
            raise Finding(f"no status line: {head[:200]!r}")
        status = int(match[1])
        headers = dict((k.lower(), v.strip()) for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:]))
        length = 0 if status < 200 else int(headers.get(b"content-length", -1))
        if length < 0:
            raise Finding(f"no Content-Length: {head[:500]!r}")
        if len(rest) < length:
            return None
        body, data = rest[:length], rest[length:]
        statuses.append(status)
        if status >= 500 and status != 503:
            raise Finding(f"{status}: {body[:500]!r}")
        if status >= 400:
            if headers.get(b"content-type") != b"application/json":
                raise Finding(f"{status} is no JSON: {head!r}")
            try:
                told = json.loads(body)["error"]
            except (ValueError, KeyError, TypeError):
                raise Finding(f"{status} without error: {body[:500]!r}") from None
            if not isinstance(told, str) or not 0 < len(told.encode()) <= 1024:
                raise Finding(f"{status} with error {told!r}")
    return statuses


def run_attack(port: int, attack: Attack) -> str:
    """What came of it, in short. Raises Finding."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        begin = time.monotonic()

        def was_slow() -> bool:
            # A busy machine may have kept this client from sending until the server's time-out.
            return time.monotonic() - begin > TIMEOUT_SECONDS / 2

        try:
            for number, piece in enumerate(attack.pieces):
                if number > 0 and attack.pause_seconds > 0:
                    time.sleep(attack.pause_seconds)
                connection.sendall(piece)
            if attack.ending == "half":
                connection.shutdown(socket.SHUT_WR)
        except TimeoutError:
            raise Finding("takes no more bytes, and does not end the connection") from None
        except OSError:
            pass  # The server has had enough of it; its answer may be there.
        if attack.ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if attack.ending in ("close", "reset"):
            return attack.ending
        data = b""
        while True:
            try:
                chunk = connection.recv(1 << 16)
            except ConnectionResetError:
                if attack.kind == "valid" and not was_slow():
                    raise Finding("a sound request is reset") from None
                return "reset by server"
            except TimeoutError:
                raise Finding(f"hangs after {data[:200]!r}") from None
            data += chunk
            statuses = read_answers(data, not chunk)
            if not chunk:
                if statuses is None:
                    raise Finding(f"an answer is cut short: {data[-300:]!r}")
                break
            if attack.ending == "wait" and statuses and statuses[-1] >= 200:
                break
        if attack.kind == "valid" and not was_slow() and not (statuses and set(statuses) <= {200, 503}):
            raise Finding(f"a sound request is answered by {statuses} {data[:500]!r}")
        return " ".join(map(str, statuses[:1])) if statuses else "no answer"


def worker(number: int, ports: list[int], seed: int, requests: int, results) -> None:
    tally = collections.Counter()
    findings = []
    lock = threading.Lock()
    indices = iter(range(number, requests, WORKERS))

    def run() -> None:
        while True:
            with lock:
                index = next(indices, None)
                if index is None or len(findings) > 20:
                    return
            attack = make_attack(seed, index)
            try:
                outcome = run_attack(ports[attack.server], attack)
            except (Finding, OSError) as error:
                outcome = "finding"
                with lock:
                    findings.append((index, attack.kind, f"{type(error).__name__}: {error}"))
            with lock:
                tally[attack.kind, outcome] += 1

    threads = [threading.Thread(target=run) for _ in range(THREADS_PER_WORKER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((tally, findings))


# ---- Servers ----


class Server:
    def __init__(self, program: pathlib.Path, folder: pathlib.Path, model: Model):
        self.model = model
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        (folder / "data" / model.file).write_bytes(model.rows)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "SAGEMAKER_", "MLP_"))}
        environment["SAGEMAKER_BASE_DIR"] = "/does/not/exist"
        train = [program, "train", "--epochs", "1", "--dense_hidden", "8", *model.flags]
        done = subprocess.run(train, cwd=folder, env=environment, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"{model.name}: {done.stderr.decode()}")
        environment |= {
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(LIMIT_MB),
            "MLP_HEADER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
            "MLP_BODY_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
            "MLP_IDLE_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        }
        self.log_path = folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--host", "127.0.0.1", "--port", "0"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"Ready" not in self.log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{model.name}: the server does not start:\n{self.log().decode(errors='replace')}")
            time.sleep(0.02)
        match = re.search(rb"Serving on \S*:(\d+)", self.log())
        self.port = int(match[1])

    def log(self) -> bytes:
        return self.log_path.read_bytes()

    def resident_mb(self) -> float:
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def faults(self) -> list[str]:
        """What is wrong with it; ends it."""
        faults = []
        try:
            for path, kind, body in [("/ping", None, None), *(("/invocations", *sound) for sound in self.model.sound)]:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
                if body is None:
                    connection.request("GET", path)
                else:
                    connection.request("POST", path, body, {"Content-Type": kind})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    faults.append(f"{path} {kind} {body!r}: {answer.status} {text!r}")
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            faults.append(f"answers no more: {error!r}")
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=PATIENCE_SECONDS)
            if code != 0:
                faults.append(f"exit code {code}")
        except subprocess.TimeoutExpired:
            faults.append("does not end at SIGTERM")
        log = self.log()
        if report := REPORT.search(log):
            faults.append("the log holds a report:\n" + log[max(0, report.start() - 200) :][:4000].decode(errors="replace"))
        return [f"{self.model.name}: {fault}" for fault in faults]

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def storm(servers: list[Server], seed: int, requests: int) -> tuple[collections.Counter, list]:
    ports = [server.port for server in servers]
    results = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=worker, args=(number, ports, seed, requests, results)) for number in range(WORKERS)
    ]
    for process in processes:
        process.start()
    tally, findings = collections.Counter(), []
    for _ in processes:
        while True:
            try:
                more, found = results.get(timeout=1)
                break
            except queue.Empty:
                if not any(process.is_alive() for process in processes):
                    sys.exit("A worker of the storm has died.")
        tally += more
        findings += found
    for process in processes:
        process.join()
    return tally, findings


def show(tally: collections.Counter) -> None:
    outcomes = sorted({outcome for _, outcome in tally})
    print(f"{'':18}" + "".join(f"{outcome:>10.9}" for outcome in outcomes))
    for kind in sorted({kind for kind, _ in tally}):
        print(f"{kind:18}" + "".join(f"{tally[kind, outcome] or '':>10}" for outcome in outcomes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/asan/bin/mlp")
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the one request to send")
    options = parser.parse_args()
    servers = []
    with tempfile.TemporaryDirectory() as name:
        try:
            for model in models_of_process:
                servers.append(Server(options.program.resolve(), pathlib.Path(name) / model.name, model))
            start = time.monotonic()
            before = sum(server.resident_mb() for server in servers)
            if options.only is not None:
                attack = make_attack(options.seed, options.only)
                print(attack)
                try:
                    print(run_attack(servers[attack.server].port, attack))
                except Finding as error:
                    print(f"Finding: {error}")
                print(servers[attack.server].log()[-3000:].decode(errors="replace"))
                return 0
            tally, findings = storm(servers, options.seed, options.requests)
            seconds = time.monotonic() - start
            alive = [server for server in servers if server.process.poll() is None]
            after = sum(server.resident_mb() for server in alive)
            faults = [fault for server in servers for fault in server.faults()]
        finally:
            for server in servers:
                server.kill()
    show(tally)
    sent = sum(tally.values())
    print(f"{sent} requests in {seconds:.0f} s; resident {before:.0f} MB before, {after:.0f} MB after")
    for index, kind, text in sorted(findings):
        print(f"request {index} ({kind}): {text}")
    for fault in faults:
        print(fault)
    passed = not findings and not faults and sent == options.requests
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
