"""Small ONNX files for tests."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def constant(name, values, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(values, dtype=dtype), name)


def write(path: Path, nodes, constants=(), shape=(1, 2), opset=17, kind=TensorProto.FLOAT, output="y"):
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("x", kind, list(shape))],
        [helper.make_tensor_value_info(output, kind, None)],
        list(constants),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    if not model.graph.output[0].type.tensor_type.HasField("shape"):
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info(output, kind, ["?", "?"]))
    onnx.save(model, path)
    return path


def dense(path: Path, layers, shape=None, **more):
    """layers: (weights (out, in), bias); ReLU between them, as Gemm."""
    nodes, constants, name = [], [], "x"
    for i, (weights, bias) in enumerate(layers):
        last = i == len(layers) - 1
        constants += [constant(f"w{i}", weights), constant(f"b{i}", bias)]
        out = "y" if last else f"z{i}"
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [out], f"gemm{i}", transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [f"a{i}"], f"relu{i}"))
            name = f"a{i}"
    return write(path, nodes, constants, shape or (1, np.shape(layers[0][0])[1]), **more)


def by_onnxruntime(path, points, shape):
    """Outputs (points, outputs) of onnxruntime as it comes, one point at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    given = session.get_inputs()[0]
    kind = np.float64 if given.type == "tensor(double)" else np.float32
    return np.array(
        [session.run(None, {given.name: p.astype(kind).reshape(shape)})[0].ravel() for p in points],
        dtype=np.float64,
    )


def spec(path: Path, inputs, outputs, asserts):
    """inputs: (low, high) each, as text or numbers; asserts: lines of conditions on outputs."""
    lines = [f"(declare-const X_{i} Real)" for i in range(len(inputs))]
    lines += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    for i, (low, high) in enumerate(inputs):
        lines += [f"(assert (>= X_{i} {low}))", f"(assert (<= X_{i} {high})) ; bound of {i}"]
    path.write_text("\n".join([*lines, *(f"(assert {a})" for a in asserts)]) + "\n")
    return path
