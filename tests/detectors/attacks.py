"""White-box attacks on the deployed network over its box, a batch of points at a time, gradients by hand."""

import numpy as np


def logits_and_slopes(bounder, points):
    """Logits (w,) and their gradients (w, n)."""
    weights = [bounder.first, *bounder.network.weights[1:]]
    biases = [bounder.first_b, *bounder.network.biases[1:]]
    a, masks = points, []
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        z = a @ w.T + b
        masks.append(z > 0.0)
        a = np.maximum(z, 0.0)
    slopes = np.broadcast_to(weights[-1][0], (len(points), weights[-1].shape[1]))
    for w, mask in zip(weights[-2::-1], masks[::-1], strict=True):
        slopes = (slopes * mask) @ w
    return (a @ weights[-1].T + biases[-1])[:, 0], slopes


def projected_gradient(bounder, centres, side, rng, steps=20):
    """PGD (Madry et al. 2018) from random points: side (w,) +1 pushes the logit up, -1 down."""
    reach, best = bounder.reach, None
    points = centres + reach * rng.uniform(-1.0, 1.0, centres.shape)
    for step in range(steps + 1):
        values, slopes = logits_and_slopes(bounder, points)
        if best is None:
            best, found = side * values, points.copy()
        better = side * values > best
        best, found[better] = np.where(better, side * values, best), points[better]
        move = (side[:, None] * np.sign(slopes)) * reach * (2.0 / (step + 1.0))
        points = np.clip(points + move, centres - reach, centres + reach)
    return found


def carlini_wagner(bounder, centres, side, rng, steps=40, rate=0.2, weight=10.0):
    """Least change that flips the logit (Carlini, Wagner 2017): tanh keeps points in the box, and Adam
    descends on |change|^2 + weight * distance to the flip."""
    reach = bounder.reach
    inner = np.arctanh(0.98 * rng.uniform(-1.0, 1.0, centres.shape))
    mean, spread = np.zeros_like(inner), np.zeros_like(inner)
    best, found = None, None
    for step in range(1, steps + 1):
        share = np.tanh(inner)
        values, slopes = logits_and_slopes(bounder, centres + reach * share)
        gain = side * values
        if best is None:
            best, found = gain, centres + reach * share
        better = gain > best
        found[better], best = (centres + reach * share)[better], np.where(better, gain, best)
        push = weight * (gain <= 0.0)[:, None] * (-side[:, None] * slopes * reach)
        gradient = (2.0 * share / share.shape[1] + push) * (1.0 - share**2)
        mean, spread = 0.9 * mean + 0.1 * gradient, 0.999 * spread + 0.001 * gradient**2
        inner -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(spread / (1 - 0.999**step)) + 1e-9)
    return found
