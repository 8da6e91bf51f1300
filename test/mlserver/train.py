"""Trains two models, and writes each for MLServer and as ONNX, with data that it was not trained on.

    <folder>/models/wine/            a scikit-learn pipeline, whose inputs and outputs the server declares
    <folder>/models/breast-cancer/   an XGBoost classifier, of which the server declares nothing
    <folder>/<model>.onnx            the same
    <folder>/<model>.jsonl           {"id", "features"}

`npm run test:mlserver` runs it.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.sklapi import CastTransformer
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

SEED = 20
# The converter of trees knows version 3 of the domain and no later one.
OPSET = {"": 17, "ai.onnx.ml": 3}


def split(data):
    return train_test_split(data.data, data.target, test_size=0.3, stratify=data.target, random_state=SEED)


def write(folder, name, onnx, features, settings):
    (folder / f"{name}.onnx").write_bytes(onnx.SerializeToString())
    lines = ({"id": f"{name}-{row}", "features": values} for row, values in enumerate(features.tolist()))
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    served = folder / "models" / name
    (served / "model-settings.json").write_text(json.dumps({"name": name, **settings}), encoding="utf-8")


def wine(folder):
    """scikit-learn scales in float64, and its trees compare in float32; examples/export/scikit_learn_wine.py says more."""
    data = load_wine()
    cultivars = data.target_names[data.target]
    training, held_out, labels, _ = train_test_split(
        data.data, cultivars, test_size=0.3, stratify=cultivars, random_state=SEED
    )
    forest = RandomForestClassifier(n_estimators=50, random_state=SEED)
    classifier = make_pipeline(StandardScaler(), CastTransformer(dtype=np.float32), forest).fit(training, labels)
    types = [("features", DoubleTensorType([None, training.shape[1]]))]
    onnx = to_onnx(classifier, initial_types=types, options={"zipmap": False}, target_opset=OPSET)
    joblib.dump(classifier, folder / "models" / "wine" / "model.joblib")
    settings = {
        "implementation": "mlserver_sklearn.SKLearnModel",
        "inputs": [{"name": "features", "datatype": "FP64", "shape": [-1, training.shape[1]]}],
        "outputs": [
            {"name": "predict", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
        ],
        "parameters": {"uri": "./model.joblib", "version": "v7"},
    }
    write(folder, "wine", onnx, held_out, settings)


def breast_cancer(folder):
    """Trees on float32, and a tenth of the values missing."""
    training, held_out, labels, _ = split(load_breast_cancer())
    random = np.random.default_rng(SEED)
    for rows in (training, held_out):
        rows[random.random(rows.shape) < 0.1] = np.nan
    classifier = XGBClassifier(objective="binary:logistic", n_estimators=100).fit(training.astype(np.float32), labels)
    options = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
    update_registered_converter(
        XGBClassifier, "XGBClassifier", calculate_linear_classifier_output_shapes, convert_xgboost, options=options
    )
    types = [("features", FloatTensorType([None, training.shape[1]]))]
    onnx = to_onnx(classifier, initial_types=types, options={"zipmap": False}, target_opset=OPSET)
    classifier.save_model(folder / "models" / "breast-cancer" / "model.json")
    settings = {"implementation": "mlserver_xgboost.XGBoostModel", "parameters": {"uri": "./model.json"}}
    # JSON has no NaN, and what is missing is null.
    features = np.where(np.isnan(held_out), None, held_out.astype(np.float32).astype(object))
    write(folder, "breast-cancer", onnx, features, settings)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for name in ("wine", "breast-cancer"):
        (target / "models" / name).mkdir(parents=True, exist_ok=True)
    wine(target)
    breast_cancer(target)
