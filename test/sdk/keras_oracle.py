"""What Keras predicts with the model in a model.tar.gz, by its NumPy backend (which imports JAX and SciPy too)."""

import os
import pathlib
import tarfile
import tempfile

os.environ["KERAS_BACKEND"] = "numpy"

import keras  # noqa: E402
import numpy as np  # noqa: E402

# Both sum the same float32 products in different orders.
TOLERANCE = 1e-5


def predict(model_archive: pathlib.Path, x: np.ndarray) -> np.ndarray:
    """Of rows as they are: unlike mlp, Keras has to be given pixels as value / 255."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(model_archive) as archive:
        file = pathlib.Path(folder) / "model.h5"
        file.write_bytes(archive.extractfile("model.h5").read())
        model = keras.models.load_model(file, compile=False)
    return model.predict(x, verbose=0)
