"""The whole job of bench/job.py in PyTorch, written tightly: the rows as one tensor, no DataLoader, fused Adam.

Arguments: mnist.npz, and the folder to write model.pt and prediction.csv to. Prints JSON: when the first step was done, in
seconds since the epoch, and what each epoch took, its evaluation included.
"""

import json
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def main(data: str, folder: pathlib.Path):
    torch.manual_seed(0)
    with np.load(data) as arrays:
        x_train, y_train, x_test, y_test = (torch.from_numpy(arrays[name]) for name in ("x_train", "y_train", "x_test", "y_test"))
    x_train, x_test = (x.flatten(1).float().div_(255) for x in (x_train, x_test))
    y_train, y_test = y_train.long(), y_test.long()
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)

    first_step, epochs = None, []
    for _ in range(5):
        start = time.perf_counter()
        model.train()
        for rows in torch.randperm(len(x_train)).split(64):
            loss = functional.cross_entropy(model(x_train[rows]), y_train[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            first_step = first_step or time.time()
        model.eval()
        with torch.inference_mode():
            logits = model(x_test)
            val_loss = functional.cross_entropy(logits, y_test).item()
            val_accuracy = (logits.argmax(1) == y_test).float().mean().item()
        epochs.append(time.perf_counter() - start)
    torch.save(model.state_dict(), folder / "model.pt")
    with torch.inference_mode():
        predicted = model(x_test).argmax(1)
    np.savetxt(folder / "prediction.csv", torch.stack([y_test, predicted], 1).numpy(), delimiter=",")
    print(json.dumps({"first_step": first_step, "epochs": epochs, "val_loss": val_loss, "val_accuracy": val_accuracy}))


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
