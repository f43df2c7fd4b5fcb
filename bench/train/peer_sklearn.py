"""scikit-learn's MLPClassifier, which has neither dropout nor bfloat16."""

import time

import numpy as np
import peer
import shapes
import sklearn
from sklearn.neural_network import MLPClassifier


class Classifier(peer.Trial):
    def __init__(self, shape, x, y, variant, precision):
        # Calls that are not for a whole pass get a part of the rows, which therefore must not be sorted.
        rows = np.random.default_rng(shapes.SEED).permutation(shape.rows)
        self.x, self.y = x[rows], y[rows].astype(np.int64)
        self.rows_per_call = shape.steps_per_block * shape.batch_size
        self.steps_per_call = shape.steps_per_block
        self.classes = np.arange(max(shape.outputs, 2))
        self.model = MLPClassifier(
            shape.hidden, batch_size=shape.batch_size, alpha=0, learning_rate_init=shapes.LEARNING_RATE, random_state=0
        )
        self.next = 0

    def steps(self):
        while True:
            part = slice(self.next, self.next + self.rows_per_call)
            self.next = part.stop % len(self.x)
            start = time.perf_counter()
            with sklearn.config_context(assume_finite=True):
                self.model.partial_fit(self.x[part], self.y[part], classes=self.classes)
            yield self.steps_per_call, time.perf_counter() - start, self.model.loss_


peer.serve(Classifier, f"scikit-learn {sklearn.__version__}")
