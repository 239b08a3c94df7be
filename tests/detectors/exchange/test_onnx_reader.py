"""ONNX in: every operator against onnxruntime, nothing merged that rounds, one sentence on bad files."""

import math

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from detectors.exchange.onnx_reader import read_onnx
from detectors.exchange.tensors import Builder
from detectors.verification.operations import Affine, Relu
from detectors.verification.propagation import propagate
from detectors.verification.rounding import ARITHMETICS
from detectors.verification.sets import Boxes
from streams.errors import BadInput
from tests.detectors.exchange.graphs import by_onnxruntime, constant, dense, write

RNG = np.random.default_rng(5)
IMAGE, ROW = (1, 2, 5, 6), (1, 6)
N = helper.make_node
W = {"w": RNG.standard_normal((6, 3)), "b": RNG.standard_normal(3), "c": RNG.standard_normal(6)}
CASES = {
    "matmul": (ROW, 17, [N("MatMul", ["x", "w"], ["y"])], W),
    "matmul of a vector": ((6,), 17, [N("MatMul", ["x", "w"], ["y"])], W),
    "matmul by a vector": (ROW, 17, [N("MatMul", ["x", "c"], ["y"])], W),
    "matmul of rows": ((1, 4, 6), 17, [N("MatMul", ["x", "w"], ["y"])], W),
    "matmul from the left": (
        (6, 2),
        17,
        [N("MatMul", ["w", "x"], ["y"])],
        {"w": RNG.standard_normal((3, 6))},
    ),
    "gemm": (ROW, 17, [N("Gemm", ["x", "w", "b"], ["y"], alpha=0.5, beta=-2.0)], W),
    "gemm transposed": (
        (6, 1),
        17,
        [N("Gemm", ["x", "w"], ["y"], transA=1, transB=1)],
        {"w": RNG.standard_normal((4, 6))},
    ),
    "add": (ROW, 17, [N("Add", ["c", "x"], ["y"])], W),
    "add widens": ((1, 1), 17, [N("Add", ["x", "c"], ["y"])], W),
    "sub": (ROW, 17, [N("Sub", ["x", "c"], ["y"])], W),
    "sub from a constant": (ROW, 17, [N("Sub", ["c", "x"], ["y"])], W),
    "mul": (ROW, 17, [N("Mul", ["c", "x"], ["y"])], W),
    "div": (ROW, 17, [N("Div", ["x", "c"], ["y"])], W),
    "neg": (ROW, 17, [N("Neg", ["x"], ["y"])], {}),
    "residual": (
        ROW,
        17,
        [
            N("MatMul", ["x", "q"], ["h"]),
            N("Relu", ["h"], ["r"]),
            N("Add", ["r", "x"], ["s"]),
            N("Sub", ["s", "h"], ["y"]),
        ],
        {"q": RNG.standard_normal((6, 6))},
    ),
    "twice itself": (ROW, 17, [N("Add", ["x", "x"], ["y"])], {}),
    "relu of a part": (
        ROW,
        17,
        [N("Slice", ["x", "from", "to", "axis"], ["h"]), N("Relu", ["h"], ["y"])],
        {"from": np.array([1]), "to": np.array([4]), "axis": np.array([1])},
    ),
    "slice backwards": (
        ROW,
        17,
        [N("Slice", ["x", "from", "to", "axis", "step"], ["y"])],
        {"from": np.array([-1]), "to": np.array([-100]), "axis": np.array([1]), "step": np.array([-2])},
    ),
    "slice from before the first": (
        ROW,
        17,
        [N("Slice", ["x", "from", "to", "axis", "step"], ["y"])],
        {"from": np.array([-9]), "to": np.array([-100]), "axis": np.array([-1]), "step": np.array([-1])},
    ),
    "slice, old": (ROW, 9, [N("Slice", ["x"], ["y"], axes=[1], starts=[2], ends=[100])], {}),
    "gather": (ROW, 17, [N("Gather", ["x", "at"], ["y"], axis=1)], {"at": np.array([[3, 3], [-1, 0]])}),
    "gather, then weights": (
        ROW,
        17,
        [N("Gather", ["x", "at"], ["h"], axis=1), N("MatMul", ["h", "v"], ["y"])],
        {"at": np.array([3, 3, 0]), "v": RNG.standard_normal((3, 2))},
    ),
    "transpose, then weights": (
        (1, 2, 3),
        17,
        [
            N("Transpose", ["x"], ["h"], perm=[0, 2, 1]),
            N("Flatten", ["h"], ["f"]),
            N("MatMul", ["f", "w"], ["y"]),
        ],
        W,
    ),
    "reshape": (
        IMAGE,
        17,
        [N("Reshape", ["x", "to"], ["h"]), N("Tanh", ["h"], ["y"])],
        {"to": np.array([0, 3, -1])},
    ),
    "reshape by its own shape": (
        IMAGE,
        17,
        [
            N("Shape", ["x"], ["s"]),
            N("Gather", ["s", "first"], ["n"]),
            N("Unsqueeze", ["n", "zero"], ["u"]),
            N("Concat", ["u", "rest"], ["to"], axis=0),
            N("Reshape", ["x", "to"], ["y"]),
        ],
        {"first": np.array(0), "zero": np.array([0]), "rest": np.array([-1])},
    ),
    "squeeze and unsqueeze": (
        (1, 1, 6),
        17,
        [N("Squeeze", ["x", "one"], ["h"]), N("Unsqueeze", ["h", "one"], ["y"])],
        {"one": np.array([1])},
    ),
    "squeeze, old": ((1, 6), 11, [N("Squeeze", ["x"], ["h"], axes=[0]), N("Relu", ["h"], ["y"])], {}),
    "concat": (
        ROW,
        17,
        [
            N("Tanh", ["x"], ["t"]),
            N("Concat", ["t", "one", "x", "t"], ["y"], axis=1),
        ],
        {"one": RNG.standard_normal((1, 2))},
    ),
    "concat of rows": (
        (2, 3),
        17,
        [N("Relu", ["x"], ["r"]), N("Concat", ["x", "r"], ["h"], axis=1), N("Flatten", ["h"], ["y"], axis=0)],
        {},
    ),
    "constant node": (
        ROW,
        17,
        [N("Constant", [], ["k"], value_floats=[1.0, 2.0, 0.0, -4.0, 5.0, 6.0]), N("Add", ["x", "k"], ["y"])],
        {},
    ),
    "identity and dropout": (ROW, 17, [N("Identity", ["x"], ["h"]), N("Dropout", ["h"], ["y"])], {}),
    "leaky relu": (ROW, 17, [N("LeakyRelu", ["x"], ["y"], alpha=0.3)], {}),
    "leaky relu by default": (ROW, 17, [N("LeakyRelu", ["x"], ["y"])], {}),
    "sigmoid": (ROW, 17, [N("Sigmoid", ["x"], ["y"])], {}),
    "clip": (
        ROW,
        17,
        [N("Clip", ["x", "low", "high"], ["y"])],
        {"low": np.float32(-0.3), "high": np.float32(0.7)},
    ),
    "clip above only": (ROW, 17, [N("Clip", ["x", "", "high"], ["y"])], {"high": np.float32(0.7)}),
    "clip, old": (ROW, 9, [N("Clip", ["x"], ["y"], min=0.0, max=1.0)], {}),
    "batch norm": (
        IMAGE,
        17,
        [N("BatchNormalization", ["x", "s", "o", "m", "v"], ["y"], epsilon=1e-3)],
        {"s": [1.5, -0.3], "o": [0.1, 0.2], "m": [0.4, -0.6], "v": [0.2, 2.0]},
    ),
    "batch norm of a row": (
        (1, 2),
        17,
        [N("BatchNormalization", ["x", "s", "o", "m", "v"], ["y"])],
        {"s": [1.5, -0.3], "o": [0.1, 0.2], "m": [0.4, -0.6], "v": [0.2, 2.0]},
    ),
    "conv": (IMAGE, 17, [N("Conv", ["x", "k", "b"], ["y"])], {"k": RNG.standard_normal((3, 2, 2, 3)), **W}),
    "conv with everything": (
        (1, 4, 7, 8),
        17,
        [N("Conv", ["x", "k"], ["y"], group=2, strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2])],
        {"k": RNG.standard_normal((6, 2, 3, 2))},
    ),
    "conv over time": (
        (1, 3, 9),
        17,
        [N("Conv", ["x", "k"], ["y"], strides=[2], auto_pad="SAME_UPPER")],
        {"k": RNG.standard_normal((2, 3, 4))},
    ),
    "conv, more in front": (
        (1, 1, 8),
        17,
        [N("Conv", ["x", "k"], ["y"], auto_pad="SAME_LOWER")],
        {"k": RNG.standard_normal((2, 1, 4))},
    ),
    "conv of a transposed image": (
        (1, 5, 6, 2),
        17,
        [N("Transpose", ["x"], ["h"], perm=[0, 3, 1, 2]), N("Conv", ["h", "k"], ["y"], auto_pad="VALID")],
        {"k": RNG.standard_normal((3, 2, 2, 3))},
    ),
    "average pool": (
        IMAGE,
        17,
        [N("AveragePool", ["x"], ["y"], kernel_shape=[2, 3], pads=[1, 1, 0, 1])],
        {},
    ),
    "average pool with padding counted": (
        IMAGE,
        17,
        [N("AveragePool", ["x"], ["y"], kernel_shape=[2, 3], pads=[1, 1, 0, 1], count_include_pad=1)],
        {},
    ),
    "max pool": (IMAGE, 17, [N("MaxPool", ["x"], ["y"], kernel_shape=[2, 3], pads=[1, 1, 0, 1])], {}),
    "max pool over time": (
        (1, 3, 9),
        17,
        [N("Tanh", ["x"], ["t"]), N("MaxPool", ["t"], ["y"], kernel_shape=[3], strides=[2], dilations=[2])],
        {},
    ),
    "max": (
        (2, 3),
        17,
        [N("Neg", ["x"], ["n"]), N("Tanh", ["x"], ["t"]), N("Max", ["n", "t", "x"], ["y"])],
        {},
    ),
    "max of one value's parts": (
        ROW,
        17,
        [
            N("Gather", ["x", "a"], ["p"], axis=1),
            N("Gather", ["x", "b"], ["q"], axis=1),
            N("Max", ["p", "q"], ["y"]),
        ],
        {"a": np.array([0, 1, 2]), "b": np.array([5, 5, 0])},
    ),
    "reduce max": (IMAGE, 17, [N("ReduceMax", ["x"], ["y"], axes=[1, -1])], {}),
    "reduce max of all": (IMAGE, 17, [N("ReduceMax", ["x"], ["y"], keepdims=0)], {}),
    "global average pool": (IMAGE, 17, [N("GlobalAveragePool", ["x"], ["y"])], {}),
    "pad": (
        IMAGE,
        17,
        [N("Pad", ["x", "by", "with"], ["y"])],
        {"by": np.array([0, 0, 1, 0, 0, 0, 2, 1]), "with": np.float32(0.25)},
    ),
    "pad, old": (IMAGE, 9, [N("Pad", ["x"], ["y"], pads=[0, 0, 1, 0, 0, 0, 2, 1], mode="constant")], {}),
    "the input itself": (ROW, 17, [N("Identity", ["x"], ["y"])], {}),
}


def constants_of(named):
    return [
        constant(name, value, np.int64 if np.asarray(value).dtype.kind == "i" else np.float32)
        for name, value in named.items()
    ]


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_as_onnxruntime_has_it(name, tmp_path):
    shape, opset, nodes, named = CASES[name]
    path = write(tmp_path / "net.onnx", nodes, constants_of(named), shape, opset)
    network, found = read_onnx(path)
    assert found == shape
    points = RNG.standard_normal((5, math.prod(shape))).astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(network(points), by_onnxruntime(path, points, shape), rtol=1e-5, atol=1e-5)


def test_a_free_batch_size_is_one(tmp_path):
    path = write(tmp_path / "net.onnx", [N("Relu", ["x"], ["y"])], (), ["batch", 3])
    assert read_onnx(path).shape == (1, 3)


def test_weights_are_those_of_the_file_and_products_are_not_merged(tmp_path):
    """Scale, then two matrices: three operations with the stored numbers, bit for bit."""
    factor, first, second = RNG.standard_normal(3), RNG.standard_normal((4, 3)), RNG.standard_normal((2, 4))
    nodes = [
        N("Mul", ["x", "f"], ["s"]),
        N("MatMul", ["s", "a"], ["h"]),
        N("Add", ["h", "b"], ["i"]),
        N("MatMul", ["i", "c"], ["y"]),
    ]
    named = {"f": factor, "a": first.T, "b": np.ones(4), "c": second.T}
    network = read_onnx(write(tmp_path / "net.onnx", nodes, constants_of(named), (1, 3))).network
    operations = [node.operation for node in network.nodes]
    assert len(operations) == 3
    for operation, matrix in zip(operations, (np.diag(factor), first, second), strict=True):
        assert isinstance(operation, Affine)
        assert np.array_equal(operation.matrices[0], matrix.astype(np.float32))
    assert np.array_equal(operations[1].bias, np.ones(4))


def test_a_bias_is_merged_only_where_the_sum_is_exact(tmp_path):
    """1 + 2^-60 would be rounded: the second addition stays an operation of its own."""
    nodes = [N("Add", ["x", "a"], ["h"]), N("Add", ["h", "b"], ["y"])]
    for small, count in ((2.0**-20, 1), (2.0**-60, 2)):
        named = {"a": np.ones(2), "b": np.full(2, small)}
        network = read_onnx(write(tmp_path / "net.onnx", nodes, constants_of(named))).network
        assert len(network.nodes) == count
        assert sum(node.operation.bias[0] for node in network.nodes) == 1.0 + small


def test_unused_nodes_and_zero_shifts_leave_nothing(tmp_path):
    nodes = [N("Sub", ["x", "z"], ["h"]), N("Tanh", ["h"], ["unused"]), N("Relu", ["h"], ["y"])]
    network = read_onnx(write(tmp_path / "net.onnx", nodes, [constant("z", np.zeros(2))])).network
    assert [type(node.operation) for node in network.nodes] == [Relu]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from([1e-9, 1e-3, 0.3]))
def test_bounds_cover_what_onnxruntime_computes(tmp_path_factory, seed, eps):
    """A convolution with batch norm, pooling and a residual connection, in float32."""
    rng = np.random.default_rng(seed)
    nodes = [
        N("Conv", ["x", "k", "b"], ["c"], pads=[1, 1]),
        N("BatchNormalization", ["c", "s", "o", "m", "v"], ["n"]),
        N("Relu", ["n"], ["r"]),
        N("Add", ["r", "x"], ["a"]),
        N("MaxPool", ["a"], ["e"], kernel_shape=[2], pads=[0, 1]),
        N("AveragePool", ["e"], ["p"], kernel_shape=[3], strides=[2]),
        N("Flatten", ["p"], ["f"]),
        N("Gemm", ["f", "w", "d"], ["g"]),
        N("Tanh", ["g"], ["y"]),
    ]
    named = {name: rng.standard_normal(3) for name in ("b", "s", "o", "m")}
    named |= {"k": rng.standard_normal((3, 3, 3)), "v": rng.uniform(0.1, 2.0, 3), "d": rng.standard_normal(2)}
    named |= {"w": rng.standard_normal((9, 2))}
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    write(path, nodes, constants_of(named), (1, 3, 7))
    network = read_onnx(path).network
    centre = rng.standard_normal(21)
    region = Boxes(centre - eps, centre + eps)
    points = region.draw(8, rng).astype(np.float32)
    region = Boxes(np.minimum(region.low, points.min(0)), np.maximum(region.high, points.max(0)))
    box = propagate(network, region, ARITHMETICS["binary32"]).values[-1].box
    outputs = by_onnxruntime(path, points, (1, 3, 7))
    assert (outputs >= box.low).all()
    assert (outputs <= box.high).all()


def invalid(tmp_path, kind):
    path = tmp_path / "bad.onnx"
    relu = [N("Relu", ["x"], ["y"], "first")]
    if kind == "missing":
        return path
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("(declare-const X_0 Real)\n" * 20)
    elif kind == "folder":
        path.mkdir()
    elif kind == "truncated":
        dense(path, [(RNG.standard_normal((9, 4)), np.zeros(9)), (RNG.standard_normal((2, 9)), np.zeros(2))])
        path.write_bytes(path.read_bytes()[:-150])
    elif kind in ("nan", "infinite"):
        dense(path, [(np.full((2, 2), np.nan if kind == "nan" else np.inf), np.zeros(2))])
    elif kind == "operator":
        write(path, [N("Softmax", ["x"], ["y"], "last")])
    elif kind == "domain":
        write(path, [N("Relu", ["x"], ["y"], "odd", domain="ai.onnx")])
    elif kind == "shapes":
        write(path, [N("MatMul", ["x", "w"], ["y"], "first")], [constant("w", np.ones((3, 2)))])
    elif kind == "gemm":
        write(path, [N("Gemm", ["x", "w"], ["y"], "first")], [constant("w", np.ones((3, 2)))])
    elif kind == "conv":
        nodes = [N("Conv", ["x", "w"], ["y"], "first")]
        write(path, nodes, [constant("w", np.ones((3, 2, 1)))], (1, 3, 5))
    elif kind == "product":
        write(path, [N("Relu", ["x"], ["a"]), N("Mul", ["x", "a"], ["y"], "first")])
    elif kind == "zero":
        write(path, [N("Div", ["x", "z"], ["y"], "first")], [constant("z", [1.0, 0.0])])
    elif kind == "free":
        write(path, relu, (), (1, "n"))
    elif kind == "integers":
        write(path, relu, (), (1, 2), kind=TensorProto.INT32)
    elif kind == "variance":
        named = {name: [1.0, 1.0] for name in "som"} | {"v": [1.0, -1.0]}
        nodes = [N("BatchNormalization", ["x", "s", "o", "m", "v"], ["y"], "first")]
        write(path, nodes, constants_of(named))
    elif kind == "constant":
        write(path, [N("Relu", ["c"], ["y"])], [constant("c", [1.0])])
    elif kind == "leak":
        write(path, [N("LeakyRelu", ["x"], ["y"], "first", alpha=2.0)])
    elif kind == "padding":
        nodes = [N("MaxPool", ["x"], ["y"], "first", kernel_shape=[2], pads=[2, 0])]
        write(path, nodes, (), (1, 1, 5))
    elif kind == "ceil":
        nodes = [N("AveragePool", ["x"], ["y"], "first", kernel_shape=[2], strides=[2], ceil_mode=1)]
        write(path, nodes, (), (1, 1, 5))
    return path


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("missing", "no such file"),
        ("empty", "an empty file"),
        ("text", "an ONNX model"),
        ("folder", "no such file"),
        ("truncated", "an ONNX model"),
        ("nan", "initializer w0: 'NaN or infinity'"),
        ("infinite", "initializer w0: 'NaN or infinity'"),
        ("operator", "node last (Softmax), operator: 'Softmax'"),
        ("shapes", "node first (MatMul)"),
        ("gemm", "node first (Gemm), shapes of A' and B'"),
        ("conv", "node first (Conv), channels: 3"),
        ("product", "node first (Mul), inputs"),
        ("zero", "node first (Div), divisor: 0.0"),
        ("free", "input x, shape: (1, 0)"),
        ("integers", "input x: 'INT32'"),
        ("variance", "node first (BatchNormalization), variance + epsilon"),
        ("constant", "output y: 'a constant'"),
        ("leak", "node first (LeakyRelu), leaky ReLU, leak: 2.0"),
        ("padding", "node first (MaxPool), pads"),
        ("ceil", "node first (AveragePool), ceil_mode: 1"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(kind, part, tmp_path):
    with pytest.raises(BadInput) as refused:
        read_onnx(invalid(tmp_path, kind))
    assert part in str(refused.value)
    assert "bad.onnx" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_truncation_is_refused(tmp_path):
    """Cut anywhere: never a network, never another exception."""
    path = dense(tmp_path / "net.onnx", [(np.ones((2, 2)), np.ones(2)), (np.ones((1, 2)), np.ones(1))])
    whole = path.read_bytes()
    assert read_onnx(path).network.outputs == 1
    for length in range(0, len(whole) - 1, 3):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput):
            read_onnx(path)


def test_a_matrix_that_would_fill_the_memory_is_refused():
    with pytest.raises(BadInput, match="100000 x 100000"):
        Builder((1, 100000)).scaled(Builder((1, 100000)).input, np.full(100000, 2.0))


def test_two_inputs_are_refused(tmp_path):
    path = write(tmp_path / "net.onnx", [N("Add", ["x", "z"], ["y"])])
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 2]))
    onnx.save(model, path)
    with pytest.raises(BadInput, match="one input, one output"):
        read_onnx(path)
