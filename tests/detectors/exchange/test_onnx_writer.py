"""ONNX out: onnxruntime evaluates the file alike, and read back it is the same function."""

import numpy as np
import onnx
import pytest

from detectors.exchange.onnx_reader import read_onnx
from detectors.exchange.onnx_writer import write_onnx
from detectors.verification.network import Network, Node, chain
from detectors.verification.operations import Affine, LeakyRelu, Maximum, Operation, Relu, Sigmoid, Tanh
from streams.errors import BadInput
from tests.detectors.exchange.graphs import by_onnxruntime


def layer(rng, out, n):
    return Affine([rng.standard_normal((out, n))], rng.standard_normal(out))


def every_operation(rng):
    """A chain with a residual sum of two values in it."""
    return Network(
        4,
        (
            Node(layer(rng, 5, 4), (0,)),
            Node(Relu(), (1,)),
            Node(layer(rng, 5, 5), (2,)),
            Node(LeakyRelu(0.1), (3,)),
            Node(Affine([rng.standard_normal((3, 5)), rng.standard_normal((3, 5))], np.ones(3)), (4, 2)),
            Node(Tanh(), (5,)),
            Node(layer(rng, 2, 3), (6,)),
            Node(Sigmoid(), (7,)),
            Node(LeakyRelu(0.25), (8,)),
            Node(Maximum([[0, 3, 4], [1, 2, 2]], (2, 3)), (9, 6)),
        ),
    )


@pytest.mark.parametrize(("double", "tolerance"), [(True, 1e-12), (False, 1e-5)])
def test_onnxruntime_evaluates_the_file_alike(double, tolerance, tmp_path):
    rng = np.random.default_rng(2)
    network, path = every_operation(rng), tmp_path / "net.onnx"
    write_onnx(network, path, double)
    points = rng.standard_normal((20, 4)).astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(by_onnxruntime(path, points, (1, 4)), network(points), rtol=tolerance)


def test_read_back_it_has_equal_values(tmp_path):
    """Leaks that float32 does not hold are written as two ReLUs: equal but for the last place."""
    rng = np.random.default_rng(3)
    network, path = every_operation(rng), tmp_path / "net.onnx"
    write_onnx(network, path)
    points = rng.standard_normal((20, 4))
    np.testing.assert_allclose(read_onnx(path).network(points), network(points), rtol=1e-14)


def test_a_dense_network_comes_back_operation_by_operation(tmp_path):
    rng = np.random.default_rng(4)
    network = chain([layer(rng, 6, 3), Relu(), layer(rng, 2, 6)], 3)
    write_onnx(network, tmp_path / "net.onnx")
    back = read_onnx(tmp_path / "net.onnx").network
    assert [type(node.operation) for node in back.nodes] == [Affine, Relu, Affine]
    for found, wanted in zip(back.nodes[::2], network.nodes[::2], strict=True):
        assert np.array_equal(found.operation.matrices[0], wanted.operation.matrices[0])
        assert np.array_equal(found.operation.bias, wanted.operation.bias)
    points = rng.standard_normal((9, 3))
    assert np.array_equal(back(points), network(points))


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_onnx(every_operation(np.random.default_rng(7)), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    onnx.checker.check_model(onnx.load(tmp_path / "a"), full_check=True)


class Strange(Relu):
    """An operation that no line of the table writes."""


@pytest.mark.parametrize(
    ("operations", "double", "part"),
    [
        ([Strange()], True, "operation 1: 'Strange'"),
        ([Affine([np.full((1, 2), 1e300)], np.zeros(1))], False, "weights: 1e+300"),
    ],
)
def test_what_cannot_be_written_is_refused(
    operations: list[Operation], double: bool, part: str, tmp_path
) -> None:
    with pytest.raises(BadInput) as refused:
        write_onnx(chain(operations, 2), tmp_path / "net.onnx", double)
    assert part in str(refused.value)
    assert not (tmp_path / "net.onnx").exists()


def test_a_path_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(BadInput, match="a file that can be written"):
        write_onnx(chain([Relu()], 2), tmp_path / "no" / "net.onnx")
