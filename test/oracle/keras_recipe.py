"""One run of the seed's recipe in Keras, as a process of its own: prints its test accuracy as JSON."""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--learning_rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--dense_hidden", type=int, default=128)
    parser.add_argument("--drop_rate", type=float, default=0.2)
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)
    with np.load(options.data) as arrays:
        x_train, y_train, x_test, y_test = (
            arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")
        )
    x_train, x_test = x_train / 255.0, x_test / 255.0
    model = keras.Sequential(
        [
            keras.layers.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(options.dense_hidden, activation="relu"),
            keras.layers.Dropout(options.drop_rate),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(options.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        x_train,
        y_train,
        batch_size=options.batch_size,
        epochs=options.epochs,
        validation_data=(x_test, y_test),
        verbose=0,
    )
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(json.dumps({"accuracy": accuracy}))


if __name__ == "__main__":
    main()
