"""What NumPy writes is read: equal values give equal predictions, whatever they are stored as."""

import numpy as np
import numpy.lib.format
import pytest

INTEGERS = ["i1", "u2", "i2", "u4", "i4", "u8", "i8"]
FLOATS = ["f2", "f4", "f8"]
TYPES = [order + kind for kind in INTEGERS + FLOATS for order in ("<", ">") if (order, kind) != (">", "i1")]
ROW_SHAPE = (2, 3)


@pytest.fixture(scope="module")
def model_dir(mlp, tmp_path_factory):
    folder = tmp_path_factory.mktemp("npy")
    random = np.random.default_rng(0)
    x = random.normal(size=(300, *ROW_SHAPE)).astype(np.float32)
    y = (x.sum(axis=(1, 2)) > 0).astype(np.int64)
    (folder / "data").mkdir()
    np.savez(folder / "data/made.npz", x=x, y=y)
    return mlp.train(folder, folder / "data", epochs=1).model_dir


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Small integers: each of the types holds them exactly."""
    return np.random.default_rng(1).integers(0, 100, size=(50, *ROW_SHAPE))


def predictions_of(mlp, model_dir, path) -> str:
    return mlp.predict(model_dir, path).text


@pytest.fixture(scope="module")
def expected(mlp, model_dir, rows, tmp_path_factory) -> str:
    """The predictions of the plainest file: float32, little-endian, C order."""
    path = tmp_path_factory.mktemp("plain") / "x.npy"
    np.save(path, rows.astype("<f4"))
    return predictions_of(mlp, model_dir, path)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(mlp, model_dir, rows, expected, tmp_path, dtype, order):
    np.save(tmp_path / "x.npy", np.asarray(rows, dtype=dtype, order=order))
    assert predictions_of(mlp, model_dir, tmp_path / "x.npy") == expected


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i8", "i1"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(mlp, model_dir, rows, expected, tmp_path, dtype, order, save):
    save(tmp_path / "x.npz", x=np.asarray(rows, dtype=dtype, order=order))
    assert predictions_of(mlp, model_dir, tmp_path / "x.npz") == expected


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(mlp, model_dir, rows, expected, tmp_path, version):
    with open(tmp_path / "x.npy", "wb") as file:
        numpy.lib.format.write_array(file, rows.astype("<f4"), version=version)
    assert predictions_of(mlp, model_dir, tmp_path / "x.npy") == expected


@pytest.mark.parametrize("order", ["C", "F"])
def test_bool_is_0_and_1(mlp, model_dir, rows, tmp_path, order):
    flags = np.asarray(rows > 50, order=order)
    np.save(tmp_path / "bool.npy", flags)
    np.save(tmp_path / "float.npy", flags.astype("<f4", order="C"))
    assert predictions_of(mlp, model_dir, tmp_path / "bool.npy") == predictions_of(
        mlp, model_dir, tmp_path / "float.npy"
    )


@pytest.mark.parametrize("order", ["C", "F"])
def test_uint8_is_value_over_255(mlp, model_dir, rows, tmp_path, order):
    np.save(tmp_path / "bytes.npy", np.asarray(rows, dtype=np.uint8, order=order))
    np.save(tmp_path / "float.npy", (rows / 255).astype("<f4"))
    bytes_, floats = (mlp.predict(model_dir, tmp_path / name) for name in ("bytes.npy", "float.npy"))
    # Rounding of the quotient is the only difference that there may be.
    np.testing.assert_allclose(bytes_.values, floats.values, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", TYPES + ["u1", "?"])
def test_labels_of_every_type_train_the_same_model(mlp, tmp_path, dtype):
    random = np.random.default_rng(2)
    x = random.normal(size=(100, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    for name, labels in (("plain", y), ("other", y.astype(dtype))):
        (tmp_path / name / "data").mkdir(parents=True)
        np.savez(tmp_path / name / "data/made.npz", x=x, y=labels)
    plain, other = (
        mlp.train(tmp_path / name, tmp_path / name / "data", epochs=1, num_threads=1)
        for name in ("plain", "other")
    )
    assert plain.model.read_bytes() == other.model.read_bytes()


@pytest.mark.parametrize("save", [np.save, lambda path, x: np.savez(path, x=x)])
def test_an_object_array_is_refused(mlp, model_dir, tmp_path, save):
    save(tmp_path / "x.dat", np.array([[1, None], ["a", {}]], dtype=object))
    path = next(tmp_path.iterdir())
    done = mlp.run(
        "predict", "--model_dir", model_dir, "--input", path, "--output", tmp_path / "out.csv", expected_exit=1
    )
    assert "object" in done.stderr.lower()
    assert not (tmp_path / "out.csv").exists()
