#!/usr/bin/python3
"""logistic_path.py FILE SAMPLES TESTS FEATURES CLASSES VALUES FIRST LAST TOLERANCE: scikit-learn's
L-BFGS logistic regression for each of VALUES L2 strengths from FIRST to LAST, evenly spaced in the
logarithm, in float64 on one thread; the largest |entry| of the gradient of the summed loss is
TOLERANCE at most. The same samples are left in FILE for `judd bench path --data`. Prints seconds,
then the accuracies on the test samples.
"""

import sys
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression


def make(samples, features, classes):
    """Classes by a random linear map with noise."""
    draw = np.random.default_rng(0)
    weights = draw.standard_normal((features, classes))
    x = draw.standard_normal((samples, features)).astype("f")
    logits = x @ weights / np.sqrt(features) + 0.5 * draw.standard_normal((samples, classes))
    return x, logits.argmax(1)


def main():
    path = sys.argv[1]
    samples, tests, features, classes, values = (int(a) for a in sys.argv[2:7])
    first, last, tolerance = (float(a) for a in sys.argv[7:])
    x, y = make(samples + tests, features, classes)
    with open(path, "wb") as file:
        file.write(x.tobytes())
        file.write(y.astype("<i4").tobytes())
    x = x.astype("d")
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.perf_counter()
    fits = [
        LogisticRegression(C=1 / l2, tol=tolerance, max_iter=10000).fit(x[:samples], y[:samples])
        for l2 in np.geomspace(first, last, values)
    ]
    print(time.perf_counter() - start)
    accuracy = [fit.score(x[samples:], y[samples:]) for fit in fits]
    print(*accuracy)


if __name__ == "__main__":
    main()
