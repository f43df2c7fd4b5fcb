"""The servers that are measured, each on a port of its own on the loopback interface."""

import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import models
import page

PEERS = page.ROOT / "bench/serve"
START_SECONDS = 60
STOP_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running server: `commands` are its processes, the first of which serves. stop() ends them all."""

    def __init__(self, name: str, port: int, commands: list[list], log: pathlib.Path, environment=None):
        self.name, self.port, self.log = name, port, log
        variables = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": "/does/not/exist", **(environment or {})}
        with open(log, "wb") as file:
            self.processes = [
                subprocess.Popen([*map(str, command)], env=variables, cwd=PEERS, stdout=file, stderr=subprocess.STDOUT)
                for command in commands
            ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/invocations"

    @property
    def pid(self) -> int:
        return self.processes[0].pid

    def wait(self):
        """Returns once /ping has been answered with 200."""
        end = time.monotonic() + START_SECONDS
        while self.ping() != 200:
            dead = [process.args for process in self.processes if process.poll() is not None]
            if dead or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self.name} does not serve: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def ping(self) -> int | None:
        """The status of an answer, or none where there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = connection.recv(4096)
        except OSError:
            return None
        return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None

    def post(self, body: models.Body) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/invocations", body.data, {"Content-Type": body.content_type, "Accept": body.content_type})
            answer = connection.getresponse()
            data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.name} answers {body.name} with {answer.status}: {data[:2000]!r}")
        return data

    def memory(self, name: str) -> int:
        """VmRSS or VmHWM of the serving process, in bytes."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", status, flags=re.MULTILINE)[1]) * 1024

    def stop(self) -> int:
        """Ends the processes, the last one first; the exit code of the first."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return self.processes[0].returncode


def mlp(program: pathlib.Path, model_dir: pathlib.Path, folder: pathlib.Path) -> Server:
    port = free_port()
    command = [program, "serve", "--model_dir", model_dir, "--host", "127.0.0.1", "--port", port]
    return Server("mlp", port, [command], folder / "mlp.log")


def fastapi(model: models.Model, folder: pathlib.Path) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "peer_fastapi:app", "--host", "127.0.0.1", "--port", port]
    command += ["--workers", 2, "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    return Server("FastAPI", port, [command], folder / "fastapi.log", {"ONNX_MODEL": str(model.onnx)})


def nginx(port: int, folder: pathlib.Path, http: str, location: str) -> list:
    """The command of an nginx that does `location` for all requests."""
    path = folder / f"nginx-{port}.conf"
    path.write_text(f"""daemon off;
worker_processes auto;
pid {folder}/nginx-{port}.pid;
error_log {folder}/nginx-{port}.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  {"".join(f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))}
  client_max_body_size 100m;
  {http}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{ {location} }}
  }}
}}
""")
    return ["nginx", "-e", f"{folder}/nginx-{port}.log", "-c", path]


def flask(model: models.Model, folder: pathlib.Path) -> Server:
    port, upstream = free_port(), folder / "gunicorn.sock"
    gunicorn = [sys.executable, "-m", "gunicorn", "--worker-class", "gevent", "--workers", 2, "--bind", f"unix:{upstream}"]
    gunicorn += ["--log-level", "warning", "peer_flask:app"]
    front = nginx(
        port,
        folder,
        f"upstream gunicorn {{ server unix:{upstream}; }}",
        "proxy_set_header Host $http_host; proxy_redirect off; proxy_pass http://gunicorn;",
    )
    return Server("Flask", port, [gunicorn, front], folder / "flask.log", {"ONNX_MODEL": str(model.onnx)})


def static(content_type: str, size_bytes: int, folder: pathlib.Path) -> Server:
    """nginx, answering every request with as many bytes."""
    port = free_port()
    location = f'default_type {content_type}; return 200 "{"x" * size_bytes}";'
    return Server("nginx", port, [nginx(port, folder, "", location)], folder / "static.log")


def package_version(name: str) -> str:
    """Of a Debian package, without Debian's revision."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], check=True, capture_output=True, text=True)
    return done.stdout.split("-")[0]
