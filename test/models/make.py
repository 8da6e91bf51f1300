"""Makes the tiny ONNX models that the tests run, and checks each of them with onnxruntime.

README.md beside this file says what each one is for. Run it in a virtual environment, from the repository's root:

    python3 -m venv .venv && . .venv/bin/activate
    pip install -r examples/models/requirements.txt
    python test/models/make.py

Seeds are fixed: a second run writes the same bytes.
"""

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).resolve().parent
OPSET = 17
IR_VERSION = 8
FLOAT = T.FLOAT

node = helper.make_node


def path(name):
    return HERE / f"{name}.onnx"


def tensor(name, shape, elem_type=FLOAT):
    return helper.make_tensor_value_info(name, elem_type, shape)


def build(name, inputs, outputs, nodes, weights=None):
    """A checked model; `weights` are its initializers by name."""
    initializers = [numpy_helper.from_array(np.asarray(value), key) for key, value in (weights or {}).items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def write(name, *args, **kwargs):
    onnx.save(build(name, *args, **kwargs), path(name))


def run(name, feeds, outputs=None):
    session = onnxruntime.InferenceSession(path(name), providers=["CPUExecutionProvider"])
    return session.run(outputs, feeds)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def make_identity():
    write("identity", [tensor("x", ["N", "D"])], [tensor("y", ["N", "D"])], [node("Identity", ["x"], ["y"])])
    x = random(2, 5)
    np.testing.assert_array_equal(run("identity", {"x": x})[0], x)


def make_double():
    nodes = [node("Mul", ["x", "two"], ["y"])]
    write("double", [tensor("x", ["N", 3])], [tensor("y", ["N", 3])], nodes, {"two": np.float32(2)})
    x = random(4, 3)
    np.testing.assert_array_equal(run("double", {"x": x})[0], x * 2)


def make_mlp():
    weights = {
        "w1": random(30, 64, seed=1) / np.float32(np.sqrt(30)),
        "b1": random(64, seed=2),
        "w2": random(64, 4, seed=3) / np.float32(np.sqrt(64)),
        "b2": random(4, seed=4),
    }
    nodes = [
        node("MatMul", ["x", "w1"], ["xw1"]),
        node("Add", ["xw1", "b1"], ["a1"]),
        node("Relu", ["a1"], ["h1"]),
        node("MatMul", ["h1", "w2"], ["hw2"]),
        node("Add", ["hw2", "b2"], ["logits"]),
        node("Softmax", ["logits"], ["y"], axis=-1),
    ]
    write("mlp", [tensor("x", ["N", 30])], [tensor("y", ["N", 4])], nodes, weights)
    (y,) = run("mlp", {"x": random(5, 30)})
    assert y.shape == (5, 4)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-5)


def make_mlp_quantised():
    """Dynamic quantisation takes one scale for the whole batch, so that a row's result depends on its neighbours."""
    logging.getLogger().setLevel(logging.ERROR)  # It advises a pre-processing step that this model does not need.
    quantize_dynamic(path("mlp"), path("mlp-quantised"), weight_type=QuantType.QInt8)

    x = random(8, 30, seed=5)
    x[1:] *= 20  # One row of ordinary size among large ones.
    (alone,) = run("mlp-quantised", {"x": x[:1]})
    (among,) = run("mlp-quantised", {"x": x})
    (again,) = run("mlp-quantised", {"x": x})
    difference = float(np.abs(alone[0] - among[0]).max())
    assert difference > 1e-3
    np.testing.assert_array_equal(among, again)
    print(f"mlp-quantised: the first row alone {alone[0].round(4)}, among 8 {among[0].round(4)}")

    rows = random(8, 30, seed=5)  # And all of one scale: still not the same.
    (among,) = run("mlp-quantised", {"x": rows})
    alone = np.concatenate([run("mlp-quantised", {"x": row[None]})[0] for row in rows])
    changed = int((alone != among).any(axis=1).sum())
    assert changed > 0
    print(f"mlp-quantised: of 8 ordinary rows, {changed} differ alone, by at most {np.abs(alone - among).max():.4f}")


def make_two_inputs():
    nodes = [
        node("Cast", ["b"], ["b_float"], to=FLOAT),
        node("Unsqueeze", ["b_float", "axis"], ["b_column"]),
        node("Add", ["a", "b_column"], ["sum"]),
        node("Add", ["b", "one"], ["count"]),
    ]
    write(
        "two-inputs",
        [tensor("a", ["N", 2]), tensor("b", ["N"], T.INT64)],
        [tensor("sum", ["N", 2]), tensor("count", ["N"], T.INT64)],
        nodes,
        {"axis": np.array([1], np.int64), "one": np.int64(1)},
    )
    a, b = random(3, 2), np.array([1, 2, 3], np.int64)
    total, count = run("two-inputs", {"a": a, "b": b}, ["sum", "count"])
    np.testing.assert_array_equal(total, a + b[:, None].astype(np.float32))
    np.testing.assert_array_equal(count, b + 1)


def make_dtypes():
    types = {
        "f16": (T.FLOAT16, np.float16, ["N", 2]),
        "f64": (T.DOUBLE, np.float64, ["N", 2]),
        "i8": (T.INT8, np.int8, ["N"]),
        "u8": (T.UINT8, np.uint8, ["N"]),
        "i16": (T.INT16, np.int16, ["N"]),
        "u16": (T.UINT16, np.uint16, ["N"]),
        "i32": (T.INT32, np.int32, ["N"]),
        "u32": (T.UINT32, np.uint32, ["N"]),
        "i64": (T.INT64, np.int64, ["N"]),
        "u64": (T.UINT64, np.uint64, ["N"]),
        "flag": (T.BOOL, np.bool_, ["N"]),
        "text": (T.STRING, object, ["N"]),
    }
    write(
        "dtypes",
        [tensor(name, shape, elem_type) for name, (elem_type, _, shape) in types.items()],
        [tensor(f"{name}_out", shape, elem_type) for name, (elem_type, _, shape) in types.items()],
        [node("Identity", [name], [f"{name}_out"]) for name in types],
    )
    feeds = {name: extremes(dtype, len(shape)) for name, (_, dtype, shape) in types.items()}
    for (name, expected), actual in zip(feeds.items(), run("dtypes", feeds)):
        assert actual.dtype == expected.dtype, name
        np.testing.assert_array_equal(actual, expected)


def extremes(dtype, rank):
    """Two rows of the least and the greatest value of a type."""
    if dtype is object:
        values = np.array(["", "naïve 🦉"], object)
    elif dtype is np.bool_:
        values = np.array([False, True])
    else:
        info = np.finfo(dtype) if np.issubdtype(dtype, np.floating) else np.iinfo(dtype)
        values = np.array([info.min, info.max], dtype)
    return values if rank == 1 else np.stack([values, values[::-1]])


def make_fixed_batch():
    nodes = [node("Add", ["x", "one"], ["y"])]
    write("fixed-batch", [tensor("x", [4, 3])], [tensor("y", [4, 3])], nodes, {"one": np.float32(1)})
    x = random(4, 3)
    np.testing.assert_array_equal(run("fixed-batch", {"x": x})[0], x + 1)
    assert_refused(lambda: run("fixed-batch", {"x": random(3, 3)}))


def make_scalar_input():
    inputs = [tensor("x", ["N", 2]), tensor("factor", [])]
    write("scalar-input", inputs, [tensor("y", ["N", 2])], [node("Mul", ["x", "factor"], ["y"])])
    x = random(3, 2)
    np.testing.assert_array_equal(run("scalar-input", {"x": x, "factor": np.array(3, np.float32)})[0], x * 3)


def make_zipmap():
    iris = load_iris()
    classifier = LogisticRegression(random_state=0, max_iter=500).fit(iris.data, iris.target)
    # skl2onnx draws a random graph name unless it is given one.
    model = to_onnx(
        classifier,
        name="zipmap",
        initial_types=[("features", FloatTensorType([None, 4]))],
        target_opset={"": OPSET, "ai.onnx.ml": 3},
    )
    # skl2onnx lists them in the order of a set of strings, which changes from run to run.
    imports = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(imports)
    for value in [model.graph.input[0], model.graph.output[0]]:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(model, path("zipmap"))
    feeds = {"features": iris.data[::50].astype(np.float32)}
    labels, maps = run("zipmap", feeds, ["output_label", "output_probability"])
    assert labels.tolist() == [0, 1, 2]
    assert [max(row, key=row.get) for row in maps] == [0, 1, 2]


def make_bad_output():
    nodes = [
        node("Identity", ["x"], ["y"]),
        node("Reshape", ["x", "flat"], ["values"]),
        node("ReduceSum", ["values", "axis"], ["total"], keepdims=1),
    ]
    weights = {"flat": np.array([-1], np.int64), "axis": np.array([0], np.int64)}
    write("bad-output", [tensor("x", ["N", 2])], [tensor("y", ["N", 2]), tensor("total", [1])], nodes, weights)
    _, total = run("bad-output", {"x": np.ones((3, 2), np.float32)}, ["y", "total"])
    assert total.tolist() == [6]


def make_lookup():
    weights = {"table": np.array([0.5, 1.5, 2.5, 3.5], np.float32)}
    node_ = node("Gather", ["table", "index"], ["y"])
    write("lookup", [tensor("index", ["N", 2], T.INT64)], [tensor("y", ["N", 2])], [node_], weights)
    np.testing.assert_array_equal(run("lookup", {"index": np.array([[0, 3]])})[0], [[0.5, 3.5]])


def make_sequence():
    nodes = [
        node("Mul", ["tokens", "mask"], ["kept"]),
        node("ReduceSum", ["kept", "axis"], ["kept_sum"], keepdims=0),
        node("ReduceSum", ["mask", "axis"], ["kept_count"], keepdims=0),
        node("Cast", ["kept_sum"], ["numerator"], to=FLOAT),
        node("Cast", ["kept_count"], ["denominator"], to=FLOAT),
        node("Div", ["numerator", "denominator"], ["mean"]),
    ]
    inputs = [tensor("tokens", ["N", "L"], T.INT64), tensor("mask", ["N", "L"], T.INT64)]
    write("sequence", inputs, [tensor("mean", ["N"])], nodes, {"axis": np.array([1], np.int64)})
    tokens, mask = np.array([[1, 2, 3], [4, 6, 0]]), np.array([[1, 1, 1], [1, 1, 0]])
    assert run("sequence", {"tokens": tokens, "mask": mask})[0].tolist() == [2, 5]


def make_external():
    data = HERE / "external.onnx.data"
    data.unlink(missing_ok=True)  # onnx appends to a file that is there.
    weights = random(8, 8, seed=6)
    model = build(
        "external",
        [tensor("x", ["N", 8])],
        [tensor("y", ["N", 8])],
        [node("MatMul", ["x", "weights"], ["y"])],
        {"weights": weights},
    )
    onnx.save(model, path("external"), save_as_external_data=True, location=data.name, size_threshold=0)
    assert data.stat().st_size >= weights.nbytes
    x = random(3, 8)
    np.testing.assert_allclose(run("external", {"x": x})[0], x @ weights, rtol=1e-4, atol=1e-6)


def make_wide():
    nodes = [node("Tile", ["x", "repeats"], ["y"])]
    weights = {"repeats": np.array([1, 100], np.int64)}
    write("wide", [tensor("x", ["N", 30])], [tensor("y", ["N", 3000])], nodes, weights)
    x = random(2, 30)
    np.testing.assert_array_equal(run("wide", {"x": x})[0], np.tile(x, (1, 100)))


def make_conv():
    weights = {
        "k1": random(8, 3, 3, 3, seed=7) / np.float32(np.sqrt(27)),
        "k2": random(16, 8, 3, 3, seed=8) / np.float32(np.sqrt(72)),
        "w": random(16, 10, seed=9),
        "b": random(10, seed=10),
    }
    downsample = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    nodes = [
        node("Conv", ["x", "k1"], ["c1"], **downsample),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "k2"], ["c2"], **downsample),
        node("Relu", ["c2"], ["r2"]),
        node("GlobalAveragePool", ["r2"], ["pooled"]),
        node("Flatten", ["pooled"], ["flat"]),
        node("Gemm", ["flat", "w", "b"], ["y"]),
    ]
    write("conv", [tensor("x", ["N", 3, 32, 32])], [tensor("y", ["N", 10])], nodes, weights)
    (y,) = run("conv", {"x": random(2, 3, 32, 32)})
    assert y.shape == (2, 10) and np.isfinite(y).all()


def make_scales():
    """One input is of all elements: text-to-speech models have such `scales`."""
    nodes = [
        node("ReduceSum", ["x", "last"], ["sum"], keepdims=1),
        node("ReduceSum", ["scales", "first"], ["scale"], keepdims=1),
        node("Mul", ["sum", "scale"], ["y"]),
    ]
    weights = {"first": np.array([0], np.int64), "last": np.array([1], np.int64)}
    write("scales", [tensor("x", ["N", 2]), tensor("scales", [3])], [tensor("y", ["N", 1])], nodes, weights)
    x = random(4, 2)
    scales = np.array([1, 2, 3], np.float32)
    np.testing.assert_allclose(run("scales", {"x": x, "scales": scales})[0], x.sum(axis=1, keepdims=True) * 6, rtol=1e-5)


def detections(batch):
    """The values of `x` above 0.5, each with the number of its row: as many as there are."""
    nodes = [
        node("Greater", ["x", "half"], ["above"]),
        node("NonZero", ["above"], ["places"]),
        node("Transpose", ["places"], ["place"], perm=[1, 0]),
        node("GatherND", ["x", "place"], ["found"]),
        node("Unsqueeze", ["found", "one"], ["column"]),
        node("Slice", ["place", "zero", "one", "one"], ["row"]),
        node("Cast", ["row"], ["row_float"], to=FLOAT),
        node("Concat", ["row_float", "column"], ["dets"], axis=1),
        node("Neg", ["x"], ["scores"]),
    ]
    weights = {"half": np.float32(0.5), "one": np.array([1], np.int64), "zero": np.array([0], np.int64)}
    return [tensor("x", [batch, 4])], [tensor("dets", ["num_dets", 2]), tensor("scores", [batch, 4])], nodes, weights


def make_detections():
    write("detections", *detections("batch"))
    write("detections-of-one", *detections(1))
    x = np.array([[0, 0, 0, 0], [1, 0, 0.75, 0]], np.float32)
    assert run("detections", {"x": x}, ["dets"])[0].tolist() == [[1, 1], [1, 0.75]]
    assert run("detections-of-one", {"x": x[:1]}, ["dets"])[0].shape == (0, 2)


def make_baked_batch():
    """The initial state of a GRU is that of a batch of one, which its metadata does not say."""
    nodes = [
        node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
        node("GRU", ["steps", "w", "r", "", "", "state"], ["", "last"], hidden_size=1),
        node("Squeeze", ["last", "first"], ["y"]),
    ]
    weights = {
        "w": np.full((1, 3, 2), 0.5, np.float32),
        "r": np.full((1, 3, 1), 0.5, np.float32),
        "state": np.zeros((1, 1, 1), np.float32),
        "first": np.array([0], np.int64),
    }
    write("baked-batch", [tensor("x", ["batch", 2, 2])], [tensor("y", ["batch", 1])], nodes, weights)
    assert run("baked-batch", {"x": random(1, 2, 2)})[0].shape == (1, 1)
    assert_refused(lambda: run("baked-batch", {"x": random(2, 2, 2)}))


def make_no_batch():
    write("no-batch", [tensor("x", [4])], [tensor("y", [2])], [node("MatMul", ["x", "w"], ["y"])], {"w": random(4, 2)})
    assert run("no-batch", {"x": random(4)})[0].shape == (2,)


def make_unranked():
    """Outputs whose number of dimensions is known only when the model has run; `total` has none."""
    nodes = [
        node("SequenceConstruct", ["x", "x"], ["pair"]),
        node("SequenceAt", ["pair", "zero"], ["y"]),
        node("ReduceSum", ["y"], ["sum"], keepdims=0),
        node("SequenceConstruct", ["sum"], ["sums"]),
        node("SequenceAt", ["sums", "zero"], ["total"]),
    ]
    outputs = [tensor("y", ["N", 2]), tensor("total", [])]
    model = build("unranked", [tensor("x", ["N", 2])], outputs, nodes, {"zero": np.int64(0)})
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")  # The checker wants one; exporters leave it out all the same.
    onnx.save(model, path("unranked"))
    y, total = run("unranked", {"x": np.ones((3, 2), np.float32)})
    assert y.shape == (3, 2) and total.shape == ()


def make_made_up_names():
    """Exporters generate names for unnamed dimensions, and several for the same dimension; `twice` has two rows for each."""
    nodes = [node("Add", ["x", "x"], ["y"]), node("Concat", ["x", "x"], ["twice"], axis=0)]
    outputs = [tensor("y", ["y_dim_0", 2]), tensor("twice", ["twice_dim_0", 2])]
    write("made-up-names", [tensor("x", ["x_dynamic_axes_1", 2])], outputs, nodes)
    assert run("made-up-names", {"x": random(3, 2)}, ["twice"])[0].shape == (6, 2)


def make_turned():
    """Its output has the batch as its second dimension, and its names do not say so."""
    inputs, outputs = [tensor("x", ["x_dynamic_axes_1", "x_dynamic_axes_2"])], [tensor("y", ["y_dim_0", "y_dim_1"])]
    write("turned", inputs, outputs, [node("Transpose", ["x"], ["y"])])
    assert run("turned", {"x": random(3, 2)})[0].shape == (2, 3)


def make_bfloat16():
    write("bfloat16", [tensor("x", ["N", 2])], [tensor("y", ["N", 2], T.BFLOAT16)], [node("Cast", ["x"], ["y"], to=T.BFLOAT16)])


def make_corrupt():
    path("corrupt").write_bytes(np.random.default_rng(11).bytes(200))
    assert_refused(lambda: run("corrupt", {}))


def assert_refused(action):
    try:
        action()
    except Exception:  # onnxruntime's errors share no public base.
        return
    raise AssertionError("onnxruntime accepted what it should refuse")


if __name__ == "__main__":
    make_identity()
    make_double()
    make_mlp()
    make_mlp_quantised()
    make_two_inputs()
    make_dtypes()
    make_fixed_batch()
    make_scalar_input()
    make_zipmap()
    make_bad_output()
    make_lookup()
    make_sequence()
    make_external()
    make_wide()
    make_conv()
    make_scales()
    make_detections()
    make_baked_batch()
    make_no_batch()
    make_unranked()
    make_made_up_names()
    make_turned()
    make_bfloat16()
    make_corrupt()
    print("all models made and checked")
