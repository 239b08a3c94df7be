"""Slow oracle of weighted least squares: complex power of a dense network, Jacobian by finite differences."""

import numpy as np

STEP = 1e-6


def active_powers(model, closed, angle, magnitude):
    """Flows into every branch at its from end, then injections of every bus, pu."""
    index = {bus.name: i for i, bus in enumerate(model.buses)}
    voltage = magnitude * np.exp(1j * angle)
    flow = np.zeros(len(model.branches))
    injection = np.array([bus.shunt_mw for bus in model.buses]) / model.base_mva * magnitude**2
    for i, branch in enumerate(model.branches):
        if not closed[i]:
            continue
        f, t = index[branch.from_bus], index[branch.to_bus]
        ratio = branch.tap * np.exp(1j * np.radians(branch.shift_deg))
        # An ideal transformer at the from end, then the series impedance.
        current = (voltage[f] / ratio - voltage[t]) / (branch.r_pu + 1j * branch.x_pu)
        into_from = (voltage[f] / ratio * np.conj(current)).real
        into_to = -(voltage[t] * np.conj(current)).real
        flow[i] = into_from
        injection[f] += into_from
        injection[t] += into_to
    return np.concatenate((flow, injection))


def wls(model, closed, measured, sigma, rounds=20):
    """Angles (bus 0 at 0) and magnitudes that fit flows, injections and magnitudes; sigma inf leaves out.

    Returns angle, magnitude, objective.
    """
    n = len(model.buses)
    used = np.isfinite(sigma)

    def expected(x):
        angle = np.concatenate(([0.0], x[: n - 1]))
        return np.concatenate((active_powers(model, closed, angle, x[n - 1 :]), x[n - 1 :]))[used]

    x = np.concatenate((np.zeros(n - 1), np.ones(n)))
    weight = 1.0 / sigma[used] ** 2
    for _ in range(rounds):
        now = expected(x)
        jacobian = np.array(
            [(expected(x + STEP * e) - expected(x - STEP * e)) / (2.0 * STEP) for e in np.eye(len(x))]
        ).T
        step = np.linalg.solve(
            jacobian.T @ (weight[:, None] * jacobian), jacobian.T @ (weight * (measured[used] - now))
        )
        x = x + step
        if np.abs(step).max() < 1e-10:
            break
    residual = measured[used] - expected(x)
    return np.concatenate(([0.0], x[: n - 1])), x[n - 1 :], float((weight * residual**2).sum())
