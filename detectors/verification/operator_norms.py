"""Upper bounds of operator norms that hold for the stored numbers, whatever was rounded on the way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.verification.rounding import theta
from detectors.verification.sets.base import Order

Floats = NDArray[np.float64]
DUAL: dict[Order, Order] = {"1": "inf", "2": "2", "inf": "1"}
"""|g @ d| <= ||g||_dual ||d||."""


def vector_norm(values: Floats, order: Order) -> Floats:
    """Upper bounds of the norms along the last axis."""
    size = np.abs(values)
    if order == "inf":
        return np.asarray(size.max(axis=-1, initial=0.0))
    wide = 1.0 + theta(values.shape[-1])
    if order == "1":
        return np.asarray(size.sum(axis=-1) * wide + 1e-290)
    # Scaled, so that no square underflows.
    peak = size.max(axis=-1, keepdims=True, initial=0.0)
    part = size / np.where(peak > 0.0, peak, 1.0)
    return np.asarray(np.sqrt((part**2).sum(axis=-1)) * peak[..., 0] * wide + 1e-290)


def operator_norm(matrix: Floats, order: Order) -> float:
    """At least the largest ||matrix @ x|| / ||x||; matrix: (m, n). Infinite where there is no bound."""
    if not matrix.size:
        return 0.0
    if order == "inf":
        return float(vector_norm(matrix, "1").max())
    if order == "1":
        return float(vector_norm(matrix.T, "1").max())
    return _spectral(matrix)


def _spectral(matrix: Floats) -> float:
    """The least of three bounds: Frobenius, sqrt(||W||_1 ||W||_inf) (Golub and Van Loan 2013, 2.3.3), and
    Gershgorin after approximate singular vectors."""
    peak = float(np.abs(matrix).max())
    if peak == 0.0 or not np.isfinite(peak):
        return peak if peak == 0.0 else np.inf
    # A power of two: nothing is rounded. What falls below 2^-1022 then is covered by the spare.
    exponent = int(np.frexp(peak)[1])
    unit = np.ldexp(matrix, -exponent)
    frobenius = float(vector_norm(unit.ravel(), "2"))
    mixed = float(np.sqrt(operator_norm(unit, "1") * operator_norm(unit, "inf"))) * (1.0 + 1e-15)
    found = min(frobenius, mixed, _by_singular_vectors(unit))
    return float(np.ldexp(found * (1.0 + 1e-14) + 1e-280, exponent))


def _by_singular_vectors(matrix: Floats) -> float:
    """With V near the right singular vectors and x = V z, ||W x||^2 / ||x||^2 = z'Bz / z'V'Vz for
    B = (WV)'(WV). The eigenvalues of B are at most its largest absolute row sum (Gershgorin), those of V'V at
    least 1 - ||V'V - I||_inf. B and V'V are taken with their rounding, elementwise: theta |W||V| for WV."""
    wide = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    try:
        v = np.linalg.svd(wide)[2].T
    except np.linalg.LinAlgError:
        return np.inf
    if not np.isfinite(v).all():
        return np.inf
    rows, n = wide.shape
    product = wide @ v
    off = theta(n) * (np.abs(wide) @ np.abs(v)) * (1.0 + theta(n)) + 1e-300
    size = np.abs(product)
    squares = np.abs(product.T @ product) + theta(rows) * (size.T @ size)
    squares += (size.T @ off + off.T @ size + off.T @ off) * (1.0 + theta(rows))
    absolute = np.abs(v)
    defect = np.abs(v.T @ v - np.eye(n)) + theta(n + 1) * (absolute.T @ absolute + np.eye(n))
    lost = float(vector_norm(defect, "1").max()) * (1.0 + theta(n))
    if not lost < 0.5:
        return np.inf
    return float(np.sqrt(vector_norm(squares, "1").max() / (1.0 - lost))) * (1.0 + theta(n))
