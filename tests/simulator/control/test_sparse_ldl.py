import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.control.sparse_ldl import SparseLdl


def matrix(n, seed, definite=True):
    """A random sparse symmetric matrix and the positions of its entries off the diagonal."""
    rng = np.random.default_rng(seed)
    whole = np.triu(np.where(rng.random((n, n)) < 2.5 / n, rng.normal(size=(n, n)), 0.0), 1)
    rows, columns = np.nonzero(whole)
    whole = whole + whole.T
    whole[np.arange(n), np.arange(n)] = np.abs(whole).sum(axis=1) + (0.1 if definite else 0.0)
    return whole, rows, columns


def factor(whole, rows, columns):
    system = SparseLdl(len(whole), rows, columns)
    every = np.arange(len(whole))
    system.values[:] = 0.0
    system.values[system.slots(rows, columns)] = whole[rows, columns]
    system.values[system.slots(every, every)] = whole[every, every]
    system.factorise()
    return system


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 40), seed=st.integers(0, 10_000))
def test_it_solves_and_inverts_like_dense_algebra(n, seed):
    whole, rows, columns = matrix(n, seed)
    system = factor(whole, rows, columns)
    right = np.random.default_rng(seed + 1).normal(size=n)
    np.testing.assert_allclose(system.solve(right), np.linalg.solve(whole, right), atol=1e-9)
    inverse, found = np.linalg.inv(whole), system.inverse_at_slots()
    every = np.arange(n)
    np.testing.assert_allclose(found[system.slots(rows, columns)], inverse[rows, columns], atol=1e-9)
    np.testing.assert_allclose(found[system.slots(every, every)], inverse[every, every], atol=1e-9)
    assert not system.fixed.any()


def test_an_undetermined_unknown_is_named_and_stays_at_zero():
    path = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    system = factor(path, np.array([0]), np.array([1]))
    assert system.fixed.sum() == 1
    assert not system.fixed[2]
    x = system.solve(np.array([1.0, -1.0, 4.0]))
    assert x[system.fixed][0] == 0.0
    np.testing.assert_allclose(path @ x, [1.0, -1.0, 4.0], atol=1e-12)


def test_a_copy_shares_the_pattern_and_not_the_numbers():
    whole, rows, columns = matrix(20, 3)
    system = factor(whole, rows, columns)
    before = system.solve(np.ones(20))
    other = system.like()
    other.values[other.slots(np.arange(20), np.arange(20))] = 2.0
    other.factorise()
    assert other.solve(np.ones(20)) == pytest.approx(np.full(20, 0.5))
    np.testing.assert_array_equal(system.solve(np.ones(20)), before)
