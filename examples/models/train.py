"""Trains the example models and writes them with the held-out data that they are run on.

    examples/models/breast-cancer.onnx   examples/data/breast-cancer.csv
                                         examples/data/breast-cancer-with-errors.csv   5 rows malformed on purpose
    examples/models/digits.onnx          examples/data/digits/*.png                    one corrupt on purpose
                                         examples/data/digits-labels.csv               ground truth
    examples/models/wine.onnx            examples/data/wine.jsonl
    examples/models/wine-network.onnx    the same, by a neural network

Run it in a virtual environment, from the repository's root:

    python3 -m venv .venv && . .venv/bin/activate
    pip install -r examples/models/requirements.txt
    python examples/models/train.py

Nothing is downloaded: the data ships with scikit-learn (Breast Cancer Wisconsin (Diagnostic), Wine, and Optical
Recognition of Handwritten Digits, of the UCI Machine Learning Repository, CC BY 4.0). Seeds are fixed and BLAS has one
thread, so a second run writes the same bytes. At the end it prints the accuracy of each model, found by running the
written model on the written data.
"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image, UnidentifiedImageError
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

SEED = 20
OPSET = {"": 17, "ai.onnx.ml": 3}
HELD_OUT = 0.3
HELD_OUT_DIGITS = 300

MODELS = Path(__file__).resolve().parent
DATA = MODELS.parent / "data"
DIGITS = DATA / "digits"
DIGIT_LABELS = DATA / "digits-labels.csv"
BREAST_CANCER = DATA / "breast-cancer.csv"
BREAST_CANCER_WITH_ERRORS = DATA / "breast-cancer-with-errors.csv"
WINE = DATA / "wine.jsonl"


def split(labels, held_out):
    """The indices to train on and those to hold out, ascending, with the labels in equal proportion."""
    train, test = train_test_split(np.arange(len(labels)), test_size=held_out, stratify=labels, random_state=SEED)
    return np.sort(train), np.sort(test)


def write_model(name, classifier, input_name, width):
    """Writes a fitted classifier with one input [N, width] and the outputs `label` [N], `probabilities` [N, classes]."""
    # skl2onnx draws a random graph name unless it is given one.
    model = to_onnx(
        classifier,
        name=name,
        initial_types=[(input_name, FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    sort_opset_imports(model)
    name_batch_dimension(model.graph, len(classifier.classes_))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, MODELS / f"{name}.onnx")


def sort_opset_imports(model):
    """skl2onnx lists them in the order of a set of strings, which changes from run to run."""
    imports = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(imports)


def name_batch_dimension(graph, classes):
    """Calls dimension 0 `N` throughout, and states the width of the probabilities, which skl2onnx may leave open."""
    for value in [*graph.input, *graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    probabilities = next(output for output in graph.output if output.name == "probabilities")
    probabilities.type.tensor_type.shape.dim[1].dim_value = classes


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def make_breast_cancer():
    data = load_breast_cancer()
    train, test = split(data.target, HELD_OUT)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(random_state=SEED))
    write_model("breast-cancer", classifier.fit(data.data[train], data.target[train]), "features", data.data.shape[1])

    header = ["id", *(name.replace(" ", "_") for name in data.feature_names), "diagnosis"]
    rows = [[f"bc-{i:04}", *data.data[i].tolist(), data.target_names[data.target[i]]] for i in test]
    write_csv(BREAST_CANCER, header, rows)
    write_csv(BREAST_CANCER_WITH_ERRORS, header, with_errors(rows))


def with_errors(rows):
    """The same rows, with one error of each kind that hand-made CSV has; every line stays a line."""
    broken = [list(row) for row in rows]
    broken[10] = broken[10][:-4]  # too few columns
    broken[45].append("see notes")  # too many columns
    broken[80][1] = "n/a"  # not a number
    broken[115][5] = ""  # empty
    broken[150][30] = "unknown"  # not a number, in the last feature
    return broken


def make_digits():
    data = load_digits()
    # The images hold 0..16. What is trained on is what the PNG files will hold: 0..255, rounded.
    pixels = np.rint(data.data / 16 * 255).astype(np.uint8)
    train, test = split(data.target, HELD_OUT_DIGITS)
    classifier = MLPClassifier(hidden_layer_sizes=(64,), max_iter=400, random_state=SEED)
    inputs = (pixels / 255).astype(np.float32)
    write_model("digits", classifier.fit(inputs[train], data.target[train]), "pixels", pixels.shape[1])

    shutil.rmtree(DIGITS, ignore_errors=True)
    DIGITS.mkdir()
    labels = []
    for number, i in enumerate(test, start=1):
        name = f"digit-{number:04}.png"
        Image.fromarray(pixels[i].reshape(8, 8)).save(DIGITS / name, optimize=True)
        labels.append([name, int(data.target[i])])
    (DIGITS / "digit-9999.png").write_bytes(b"This is not an image, whatever its name says.\n")
    write_csv(DIGIT_LABELS, ["file", "label"], labels)


def make_wine():
    data = load_wine()
    train, test = split(data.target, HELD_OUT)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(random_state=SEED))
    write_model("wine", classifier.fit(data.data[train], data.target[train]), "features", data.data.shape[1])
    network = make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(16,), max_iter=1000, random_state=SEED))
    write_model("wine-network", network.fit(data.data[train], data.target[train]), "features", data.data.shape[1])

    elements = ({"id": f"wine-{i:03}", "features": data.data[i].tolist(), "cultivar": int(data.target[i])} for i in test)
    lines = (json.dumps(element, separators=(",", ":")) + "\n" for element in elements)
    WINE.write_text("".join(lines), encoding="utf-8", newline="\n")


def report(name, inputs, truth):
    """Prints how many of the held-out elements the written model gets right."""
    session = onnxruntime.InferenceSession(MODELS / f"{name}.onnx", providers=["CPUExecutionProvider"])
    (tensor,) = session.get_inputs()
    labels, probabilities = session.run(["label", "probabilities"], {tensor.name: np.array(inputs, dtype=np.float32)})
    assert labels.dtype == np.int64 and probabilities.dtype == np.float32
    assert probabilities.shape == (len(truth), len(set(truth)))
    right = int(np.sum(labels == np.array(truth)))
    print(f"{name}: {right} of {len(truth)} held-out elements right ({right / len(truth):.1%})")


def report_breast_cancer():
    with BREAST_CANCER.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    # scikit-learn's classes: 0 is malignant, 1 is benign.
    features = [[float(value) for value in row[1:-1]] for row in rows]
    report("breast-cancer", features, [int(row[-1] == "benign") for row in rows])


def report_digits():
    with DIGIT_LABELS.open(newline="", encoding="utf-8") as file:
        truth = {row["file"]: int(row["label"]) for row in csv.DictReader(file)}
    inputs = {}
    for path in sorted(DIGITS.iterdir()):
        try:
            inputs[path.name] = np.asarray(Image.open(path)).reshape(64) / 255
        except UnidentifiedImageError:
            print(f"digits: {path.name} is no image, as intended")
    assert inputs.keys() == truth.keys()
    report("digits", [inputs[name] for name in truth], list(truth.values()))


def report_wine():
    elements = [json.loads(line) for line in WINE.read_text(encoding="utf-8").splitlines()]
    for name in ["wine", "wine-network"]:
        report(name, [e["features"] for e in elements], [e["cultivar"] for e in elements])


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    with threadpool_limits(limits=1):
        make_breast_cancer()
        make_digits()
        make_wine()
    report_breast_cancer()
    report_digits()
    report_wine()
