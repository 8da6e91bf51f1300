"""An XGBoost model, converted to ONNX: the breast cancer model of Ray's guide to XGBoost training and batch inference.

    examples/export/out/xgboost/model.onnx         what examples/export/fabric.config.ts runs
    examples/export/out/xgboost/held-out.csv       the tumours that it was not trained on
    examples/export/out/xgboost/predictions.jsonl  what XGBoost itself says of them

Run it in an environment with requirements.txt, which lies beside it. The data ships with scikit-learn.

The settings are the guide's: 30 % held out, mean radius and mean texture standardised, `binary:logistic`, `approx`, 100
rounds. Each column of the table is an input of the model under its name, so that CSV rows go in as they are. Float64 in
and `CastTransformer` before the trees is what XGBoost does; in float32 throughout, 8 of 25 splits of this data gave
probabilities that were off, by up to 0.01.
"""

import csv
import json
from pathlib import Path

import numpy as np
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

SEED = 20
HELD_OUT = 0.3
# The converter of trees knows version 3 of the domain and no later one.
OPSET = {"": 17, "ai.onnx.ml": 3}
OUT = Path(__file__).resolve().parent / "out" / "xgboost"


def output_shapes(operator):
    """As of any classifier, but for the type: skl2onnx goes by the pipeline's input, and trees give float32."""
    calculate_linear_classifier_output_shapes(operator)
    probabilities = operator.outputs[1]
    probabilities.type = FloatTensorType(probabilities.type.shape)


def convert(classifier, columns):
    """An input [N, 1] for each column; the outputs are `label` [N] and `probabilities` [N, 2]."""
    options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
    update_registered_converter(XGBClassifier, "XGBClassifier", output_shapes, convert_xgboost, options=options)
    return to_onnx(
        classifier,
        initial_types=[(column, DoubleTensorType([None, 1])) for column in columns],
        # With it the probabilities are a list of dictionaries, which is no tensor and has no rows.
        options={"zipmap": False},
        target_opset=OPSET,
    )


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_jsonl(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    data = load_breast_cancer()
    columns = [name.replace(" ", "_") for name in data.feature_names]
    rows = np.arange(len(data.target))
    training, held_out = train_test_split(rows, test_size=HELD_OUT, stratify=data.target, random_state=SEED)
    scaled = [columns.index("mean_radius"), columns.index("mean_texture")]
    classifier = make_pipeline(
        # It puts the scaled columns first, where these two are anyway.
        ColumnTransformer([("scale", StandardScaler(), scaled)], remainder="passthrough"),
        CastTransformer(dtype=np.float32),
        XGBClassifier(
            objective="binary:logistic", tree_method="approx", n_estimators=100, eval_metric=["logloss", "error"]
        ),
    )
    classifier.fit(data.data[training], data.target[training])

    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "model.onnx").write_bytes(convert(classifier, columns).SerializeToString())

    ids = [f"tumour-{row:03}" for row in held_out]
    features = data.data[held_out]
    labels = classifier.predict(features)
    probabilities = classifier.predict_proba(features)
    write_csv(OUT / "held-out.csv", ["id", *columns], ([i, *f] for i, f in zip(ids, features.tolist())))
    write_jsonl(
        OUT / "predictions.jsonl",
        (
            {"id": i, "prediction": {"label": label, "probabilities": p}}
            for i, label, p in zip(ids, labels.tolist(), probabilities.tolist())
        ),
    )
    right = int(np.sum(labels == data.target[held_out]))
    print(f"{right} of {len(ids)} held-out tumours right ({right / len(ids):.1%})")
