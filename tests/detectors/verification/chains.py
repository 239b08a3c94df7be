"""Small random problems for the tests of exact methods."""

from __future__ import annotations

import itertools

from detectors.verification.network import chain
from detectors.verification.operations import Affine, Relu
from detectors.verification.problem import Clause, Problem, Specification
from detectors.verification.sets import Boxes


def network(generator, sizes):
    """Chain of dense layers with ReLU between them."""
    operations = []
    for before, after in itertools.pairwise(sizes):
        operations += [
            Affine([generator.normal(size=(after, before))], generator.normal(size=after)),
            Relu(),
        ]
    return chain(operations[:-1], sizes[0])


def box(generator, inputs, reach=0.5):
    """About a random centre."""
    centre = generator.normal(size=inputs)
    return Boxes(centre - reach, centre + reach)


def problem(net, region, clauses):
    """clauses: pairs (matrix, limits)."""
    return Problem(net, region, Specification(tuple(Clause(m, d) for m, d in clauses)))


def shifted(clauses, by):
    """The same clauses with every margin ``by`` lower."""
    return [(matrix, limits + by) for matrix, limits in clauses]
