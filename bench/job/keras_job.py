"""The whole job of bench/job.py in Keras: fit() with the test arrays as validation data, as the demo of SageMaker has it.

Arguments: mnist.npz, and the folder to write model.keras and prediction.csv to. Prints JSON: when the first step was done,
in seconds since the epoch, and what each epoch took, its evaluation included.
"""

import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np


class Times(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.first_step = None
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.first_step = self.first_step or time.time()

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(time.perf_counter() - self.start)


def main(data: str, folder: pathlib.Path, steps_per_execution: int):
    with np.load(data) as arrays:
        x_train, y_train = arrays["x_train"] / np.float32(255), arrays["y_train"]
        x_test, y_test = arrays["x_test"] / np.float32(255), arrays["y_test"]
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    times = Times()
    validation = (x_test, y_test)
    model.fit(x_train, y_train, batch_size=64, epochs=5, validation_data=validation, verbose=0, callbacks=[times])
    model.save(folder / "model.keras")
    predicted = model.predict(x_test, verbose=0).argmax(axis=1)
    np.savetxt(folder / "prediction.csv", np.column_stack([y_test, predicted]), delimiter=",")
    print(json.dumps({"first_step": times.first_step, "epochs": times.epochs}))


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]))
