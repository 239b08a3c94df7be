"""Kernels of the search that only kernels can call, as functions of Python."""

from __future__ import annotations

from numba import njit

from detectors.verification.chains import backward_kernels, forward_kernels, programme_kernels

_least, _row_line = backward_kernels.least, backward_kernels.row_line
_bound_neurons, _least_greatest = forward_kernels.bound_neurons, programme_kernels.least_greatest


@njit(cache=True)
def least(p, q, low, high):
    return _least(p, q, low, high)


@njit(cache=True)
def row_line(chain, bounds, work, row, limit, slack, p):
    return _row_line(chain, bounds, work, row, limit, slack, p)


@njit(cache=True)
def bound_neurons(chain, low, high, splits, bounds, work):
    return _bound_neurons(chain, low, high, splits, bounds, work)


@njit(cache=True)
def least_greatest(p, q, rows, low, high, dictionary, multipliers, x):
    _least_greatest(p, q, rows, low, high, dictionary, multipliers, x)
