import hashlib

import numpy as np

from simulator.draws import BLOCK_STEPS, Draws


def test_a_new_element_does_not_change_the_others():
    few = Draws(7, "noise", ("a", "b"))
    many = Draws(7, "noise", ("x", "a", "y", "b"))
    for step in (0, 5, BLOCK_STEPS, 3 * BLOCK_STEPS + 1):
        np.testing.assert_array_equal(few.at(step), many.at(step)[[1, 3]])


def test_draws_do_not_depend_on_what_was_drawn_before():
    walked, jumped = Draws(7, "noise", ("a",)), Draws(7, "noise", ("a",))
    for step in range(3 * BLOCK_STEPS):
        last = walked.at(step).copy()
    np.testing.assert_array_equal(last, jumped.at(3 * BLOCK_STEPS - 1))


def test_every_block_is_that_of_a_fresh_philox():
    key = int.from_bytes(hashlib.blake2b(b"7|noise|a", digest_size=16).digest())
    normal, uniform = Draws(7, "noise", ("b", "a")), Draws(7, "noise", ("a",), kind="uniform")
    for block in (0, 3):
        steps = range(block * BLOCK_STEPS, (block + 1) * BLOCK_STEPS)
        fresh = [np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block])) for _ in range(2)]
        np.testing.assert_array_equal(
            [normal.at(step)[1] for step in steps], fresh[0].standard_normal(BLOCK_STEPS)
        )
        np.testing.assert_array_equal([uniform.at(step)[0] for step in steps], fresh[1].random(BLOCK_STEPS))


def test_seed_role_element_and_step_all_matter():
    base = Draws(7, "noise", ("a",)).at(0)[0]
    others = [
        Draws(8, "noise", ("a",)).at(0)[0],
        Draws(7, "demand", ("a",)).at(0)[0],
        Draws(7, "noise", ("b",)).at(0)[0],
        Draws(7, "noise", ("a",)).at(1)[0],
        Draws(7, "noise", ("a",)).at(BLOCK_STEPS)[0],
    ]
    assert base not in others


def test_moments():
    draws = Draws(1, "n", tuple("abcdefgh"))
    normal = np.array([draws.at(s) for s in range(BLOCK_STEPS)])
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1.0) < 0.05
    uniform = Draws(1, "u", tuple("abcdefgh"), kind="uniform")
    values = np.array([uniform.at(s) for s in range(BLOCK_STEPS)])
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert abs(values.mean() - 0.5) < 0.02
