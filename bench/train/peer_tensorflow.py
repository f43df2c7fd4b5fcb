"""TensorFlow: Keras' fit on arrays, and a step of one's own in tf.function(jit_compile=True); bfloat16 by Keras' policy."""

import os
import time

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import peer
import shapes
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(peer.THREADS)
tf.config.threading.set_inter_op_parallelism_threads(peer.THREADS)


def make_model(shape, precision):
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    layers = [keras.Input((shape.inputs,))]
    for width in shape.hidden:
        layers.append(keras.layers.Dense(width, "relu", dtype=policy))
        if shape.drop_rate:
            layers.append(keras.layers.Dropout(shape.drop_rate, dtype=policy))
    layers.append(keras.layers.Dense(shape.outputs, dtype=policy))
    model = keras.Sequential(layers)
    model.set_weights([array for layer in shapes.initial_weights(shape) for array in layer])
    return model


def make_loss(shape):
    if shape.loss == "softmax":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.BinaryCrossentropy(from_logits=True)


class Clock(keras.callbacks.Callback):
    """Notes the time of each batch of an epoch from the second on, and ends fit() when `enough` says so."""

    def __init__(self, enough):
        super().__init__()
        self.enough = enough
        self.last = None

    def on_epoch_begin(self, epoch, logs=None):
        self.last = None

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if self.enough(now - self.last if self.last else None):
            self.model.stop_training = True
        self.last = time.perf_counter()


class Fit(peer.Trial):
    def __init__(self, shape, x, y, variant, precision):
        self.x, self.y, self.batch_size = x, y, shape.batch_size
        self.model = make_model(shape, precision)
        self.model.compile(optimizer=keras.optimizers.Adam(shapes.LEARNING_RATE), loss=make_loss(shape))

    def fit(self, enough):
        """Gives the mean loss of the last epoch, whole or not."""
        history = self.model.fit(
            self.x, self.y, batch_size=self.batch_size, epochs=10**6, shuffle=True, verbose=0, callbacks=[Clock(enough)]
        )
        return float(history.history["loss"][-1])

    def learn(self, count):
        done = 0

        def enough(_):
            nonlocal done
            done += 1
            return done >= count

        return {"steps": count, "loss": self.fit(enough)}

    def run(self, seconds, warm_up):
        stretches, stretch, done = [], [], 0
        begun = time.perf_counter()
        timed = None  # since when

        def enough(elapsed):
            nonlocal stretch, timed, done
            now = time.perf_counter()
            if timed is None:
                if now - begun >= warm_up:
                    timed = now
                return False
            done += 1
            if elapsed is not None:
                stretch.append(elapsed)
            if sum(stretch) >= peer.STRETCH_SECONDS:
                stretches.append(sum(stretch) * 1e6 / len(stretch))
                stretch = []
            return now - timed >= seconds and len(stretches) >= 2

        return {"loss": self.fit(enough), "steps": done, "stretches_us": stretches}


class Function(peer.Trial):
    def __init__(self, shape, x, y, variant, precision):
        self.order = shapes.Order(shape)
        self.x, self.y = tf.constant(x), tf.constant(y)
        compute = tf.bfloat16 if precision == "bfloat16" else tf.float32
        weights = [tf.Variable(array) for layer in shapes.initial_weights(shape) for array in layer]
        optimizer = keras.optimizers.Adam(shapes.LEARNING_RATE)
        optimizer.build(weights)

        # With TensorFlow's own dropout, since that of Keras takes most of a small step here.
        def logits_of(x):
            for layer in range(0, len(weights), 2):
                x = tf.cast(x, compute) @ tf.cast(weights[layer], compute) + tf.cast(weights[layer + 1], compute)
                if layer + 2 < len(weights):
                    x = tf.nn.relu(x)
                    if shape.drop_rate:
                        seed = tf.stack([tf.cast(optimizer.iterations, tf.int32), layer])
                        x = tf.nn.experimental.stateless_dropout(x, shape.drop_rate, seed, rng_alg="philox")
            return tf.cast(x, tf.float32)

        def losses_of(targets, logits):
            if shape.loss == "softmax":
                return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            return tf.nn.sigmoid_cross_entropy_with_logits(targets[:, None], logits)

        @tf.function(jit_compile=True)
        def step(x, y, rows):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(losses_of(tf.gather(y, rows), logits_of(tf.gather(x, rows))))
            optimizer.apply(tape.gradient(loss, weights), weights)
            return loss

        self.step = step

    def steps(self):
        while True:
            start = time.perf_counter()
            loss = self.step(self.x, self.y, tf.constant(self.order.next()))
            yield 1, time.perf_counter() - start, loss

    def mean_loss(self, losses):
        return float(tf.reduce_mean(tf.stack(losses)))


def make(shape, x, y, variant, precision):
    return {"fit": Fit, "function": Function}[variant](shape, x, y, variant, precision)


peer.serve(make, f"tensorflow-cpu {tf.__version__}, keras {keras.__version__}")
