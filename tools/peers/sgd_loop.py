#!/usr/bin/python3
"""sgd_loop.py SAMPLES FEATURES CLASSES BATCH EPOCHS: a PyTorch SGD loop, as people write it, over
float32 features in memory, on one thread. Prints the samples per second of each epoch after a first
one that is not counted.
"""

import sys
import time

import torch


def main():
    samples, features, classes, batch, epochs = (int(a) for a in sys.argv[1:])
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(samples, features, generator=draw)
    y = torch.randint(0, classes, (samples,), generator=draw)
    loss = torch.nn.CrossEntropyLoss()
    for epoch in range(epochs + 1):
        head = torch.nn.Linear(features, classes)
        optimizer = torch.optim.SGD(head.parameters(), lr=0.01, momentum=0.9)
        start = time.perf_counter()
        order = torch.randperm(samples)
        for i in range(0, samples, batch):
            rows = order[i : i + batch]
            optimizer.zero_grad(set_to_none=True)
            loss(head(x[rows]), y[rows]).backward()
            optimizer.step()
        if epoch > 0:
            print(samples / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
