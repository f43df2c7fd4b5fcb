"""What mlp serve answers is what Keras predicts for the same rows, whatever they were sent as."""

import contextlib
import http.client
import io
import json
import re
import signal
import subprocess
import time

import keras
import numpy as np
import pytest

from conftest import blobs, images, write_csv

# Both sum the same float32 products in different orders.
TOLERANCE = 1e-5
# Longer than anything here takes on a busy machine.
TIMEOUT_SECONDS = 60


class Endpoint:
    """A client of a running server, over one connection that is kept."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def post(self, body, content_type: str, accept: str) -> bytes:
        headers = {"Content-Type": content_type, "Accept": accept}
        # http.client sends a body that is an iterator in chunks.
        self.connection.request("POST", "/invocations", body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        assert answer.headers.get_content_type() == accept
        return content

    def json(self, value) -> np.ndarray:
        return np.array(json.loads(self.post(json.dumps(value), "application/json", "application/json"))["predictions"])

    def npy(self, array: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        np.save(file, array)
        answer = np.load(io.BytesIO(self.post(file.getvalue(), "application/x-npy", "application/x-npy")))
        assert answer.dtype == np.float32
        return answer

    def csv(self, rows: np.ndarray) -> np.ndarray:
        lines = "\n".join(",".join(map(str, row)) for row in rows.tolist())
        text = self.post(lines, "text/csv", "text/csv").decode()
        assert text.endswith("\n")
        return np.array([line.split(",") for line in text.splitlines()], dtype=float)

    def json_lines(self, rows) -> np.ndarray:
        lines = (json.dumps(row).encode() + b"\n" for row in rows)
        text = self.post(lines, "application/jsonlines", "application/jsonlines").decode()
        return np.array([json.loads(line)["predictions"] for line in text.splitlines()])


@contextlib.contextmanager
def serve(mlp, model_dir):
    command = [mlp.path, "serve", "--model_dir", model_dir, "--host", "127.0.0.1", "--port", "0"]
    environment = {"SAGEMAKER_BASE_DIR": "/does/not/exist"}
    log_path = model_dir.parent / "serve.log"
    # A file takes all that is logged, where a pipe that no one reads would be full in time.
    with open(log_path, "wb") as log:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while "Ready" not in (text := log_path.read_text()):
            assert time.monotonic() < deadline, text
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(timeout=0.01)
                pytest.fail(f"The server does not start:\n{log_path.read_text()}")
        yield Endpoint(int(re.search(r"Serving on \S*:(\d+)", text)[1]))
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=TIMEOUT_SECONDS) == 0, log_path.read_text()
    finally:
        server.kill()
        server.wait()


def check(answers: np.ndarray, expected: np.ndarray):
    assert answers.shape == expected.shape
    np.testing.assert_allclose(answers, expected, rtol=0, atol=TOLERANCE)


@pytest.fixture(scope="module")
def image_job(mlp, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    x, y = images(600, 10, seed=1)
    (folder / "data").mkdir()
    np.savez(folder / "data/made.npz", x=x, y=y)
    trained = mlp.train(folder, folder / "data", epochs=2, learning_rate=0.001)
    x_test, _ = images(100, 10, seed=2)
    scaled = (x_test / 255.0).astype(np.float32)
    theirs = keras.models.load_model(trained.model).predict(scaled, verbose=0)
    with serve(mlp, trained.model_dir) as endpoint:
        yield endpoint, x_test, scaled, theirs


def test_pictures_as_the_demo_s_clients_send_them(image_job):
    endpoint, _, scaled, theirs = image_job
    check(endpoint.json(scaled[:20].tolist()), theirs[:20])
    check(endpoint.json(scaled[3].tolist()), theirs[3:4])
    check(endpoint.json({"instances": scaled.tolist()}), theirs)


def test_pictures_in_other_forms(image_job):
    endpoint, x_test, scaled, theirs = image_job
    check(endpoint.npy(x_test), theirs)
    check(endpoint.npy(scaled), theirs)
    check(endpoint.npy(np.asfortranarray(scaled.astype(">f8"))), theirs)
    check(endpoint.csv(scaled.reshape(100, 784)), theirs)
    check(endpoint.json_lines(scaled.tolist()), theirs)


def test_numbers_are_answered_with_all_their_digits(image_job):
    endpoint, _, scaled, _ = image_job
    as_npy = endpoint.npy(scaled)
    np.testing.assert_array_equal(endpoint.json(scaled.tolist()).astype(np.float32), as_npy)
    np.testing.assert_array_equal(endpoint.csv(scaled.reshape(100, 784)).astype(np.float32), as_npy)


def test_one_row_at_a_time_is_answered_as_all_at_once(image_job):
    endpoint, _, scaled, _ = image_job
    every = endpoint.npy(scaled)
    for row in range(100):
        np.testing.assert_array_equal(endpoint.npy(scaled[row]), every[row : row + 1])


def test_a_table_of_30_numbers(mlp, tmp_path):
    x, y = blobs(500, 3, 30, seed=1)
    names = [f"feature {i}" for i in range(30)]
    write_csv(tmp_path / "data/rows.csv", ["kind", *names], [y.tolist(), *x.T.tolist()])
    trained = mlp.train(tmp_path, tmp_path / "data", target="kind", epochs=3)
    rows = blobs(1024, 3, 30, seed=2)[0]
    theirs = keras.models.load_model(trained.model).predict(rows.astype(np.float32), verbose=0)
    with serve(mlp, trained.model_dir) as endpoint:
        check(endpoint.csv(rows), theirs)
        check(endpoint.json(rows.tolist()), theirs)
        check(endpoint.json(rows[0].tolist()), theirs[:1])
        check(endpoint.npy(rows), theirs)
        check(endpoint.json_lines(rows.tolist()), theirs)
        check(endpoint.json([dict(zip(names, row)) for row in rows.tolist()]), theirs)


def test_a_regression_is_answered_in_the_target_s_unit(mlp, tmp_path):
    x, _ = blobs(400, 3, 3, seed=4)
    price = 300 + 300 * x[:, 0]
    write_csv(tmp_path / "data/rows.csv", ["price", "a", "b", "c"], [price.tolist(), *x.T.tolist()])
    trained = mlp.train(tmp_path, tmp_path / "data", target="price", epochs=5)
    theirs = keras.models.load_model(trained.model).predict(x.astype(np.float32), verbose=0)
    with serve(mlp, trained.model_dir) as endpoint:
        check(endpoint.csv(x) / price.std(), theirs / price.std())
        check(endpoint.npy(x) / price.std(), theirs / price.std())
