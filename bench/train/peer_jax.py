"""JAX: one lax.scan over the steps of a pass (of some, where a step is long); bfloat16 from float32 weights."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import peer
import shapes

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-7


def make_block(shape, precision):
    compute = jnp.bfloat16 if precision == "bfloat16" else jnp.float32

    def loss_of(weights, x, y, key):
        for layer, (kernel, bias) in enumerate(weights):
            x = x @ kernel.astype(compute) + bias.astype(compute)
            if layer + 1 < len(weights):
                x = jax.nn.relu(x)
                if shape.drop_rate:
                    kept = jax.random.bernoulli(jax.random.fold_in(key, layer), 1 - shape.drop_rate, x.shape)
                    x = jnp.where(kept, x / (1 - shape.drop_rate), 0).astype(compute)
        logits = x.astype(jnp.float32)
        if shape.loss == "softmax":
            picked = jnp.take_along_axis(logits, y[:, None], axis=1)[:, 0]
            return jnp.mean(jax.nn.logsumexp(logits, axis=1) - picked)
        return jnp.mean(jnp.logaddexp(0, logits[:, 0]) - y * logits[:, 0])

    def block(state, x, y, batches, key):
        def step(state, rows):
            weights, first, second, count = state
            features, targets = (array.at[rows].get(mode="promise_in_bounds") for array in (x, y))
            loss, gradients = jax.value_and_grad(loss_of)(
                weights, features.astype(compute), targets, jax.random.fold_in(key, count)
            )
            count = count + 1
            power = count.astype(jnp.float32)
            rate = shapes.LEARNING_RATE * jnp.sqrt(1 - BETA2**power) / (1 - BETA1**power)
            first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
            second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
            weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
            return (weights, first, second, count), loss

        state, losses = jax.lax.scan(step, state, batches)
        return state, losses.mean()

    return jax.jit(block, donate_argnums=0)


class Scan(peer.Trial):
    def __init__(self, shape, x, y, variant, precision):
        self.shape, self.order = shape, shapes.Order(shape)
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        weights = jax.tree.map(jnp.asarray, shapes.initial_weights(shape))
        self.state = weights, *(jax.tree.map(jnp.zeros_like, weights) for _ in range(2)), jnp.int32(0)
        self.key = jax.random.key(shapes.SEED, impl=variant)
        batches = np.zeros((shape.steps_per_block, shape.batch_size), np.int32)
        self.block = make_block(shape, precision).lower(self.state, self.x, self.y, batches, self.key).compile()

    def steps(self):
        while True:
            start = time.perf_counter()
            batches = self.order.block(self.shape.steps_per_block)
            self.state, loss = self.block(self.state, self.x, self.y, batches, self.key)
            loss.block_until_ready()
            yield self.shape.steps_per_block, time.perf_counter() - start, loss


peer.serve(Scan, f"jax {jax.__version__}")
