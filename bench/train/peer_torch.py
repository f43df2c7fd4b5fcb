"""PyTorch: eager with fused Adam, and torch.compile; bfloat16 by autocast."""

import contextlib
import time

import peer
import shapes
import torch

torch.set_num_threads(peer.THREADS)
torch.set_num_interop_threads(1)


class Torch(peer.Trial):
    def __init__(self, shape, x, y, variant, precision):
        self.order = shapes.Order(shape)
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        if shape.loss == "softmax":
            self.y, loss = self.y.long(), torch.nn.CrossEntropyLoss()
        else:
            self.y, loss = self.y.unsqueeze(1), torch.nn.BCEWithLogitsLoss()
        layers = []
        for kernel, bias in shapes.initial_weights(shape):
            layers.append(torch.nn.Linear(*kernel.shape))
            with torch.no_grad():
                layers[-1].weight.copy_(torch.from_numpy(kernel.T))
                layers[-1].bias.copy_(torch.from_numpy(bias))
            layers += [torch.nn.ReLU(), *([torch.nn.Dropout(shape.drop_rate)] if shape.drop_rate else [])]
        while not isinstance(layers[-1], torch.nn.Linear):
            layers.pop()
        model = torch.nn.Sequential(*layers)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=shapes.LEARNING_RATE, fused=True)

        def forward(rows, targets):
            mixed = torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext()
            with mixed:
                return loss(model(rows), targets)

        self.forward = torch.compile(forward) if variant == "compile" else forward

    def steps(self):
        while True:
            start = time.perf_counter()
            rows = torch.from_numpy(self.order.next()).long()
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.forward(self.x[rows], self.y[rows])
            loss.backward()
            self.optimizer.step()
            yield 1, time.perf_counter() - start, loss.detach()

    def mean_loss(self, losses):
        return torch.stack(losses).double().mean().item()


peer.serve(Torch, f"torch {torch.__version__}")
