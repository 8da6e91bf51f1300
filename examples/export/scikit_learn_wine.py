"""A scikit-learn pipeline, converted to ONNX: a scaler and a random forest that tell three cultivars of wine apart.

    examples/export/out/scikit-learn/model.onnx         what examples/export/fabric.config.ts runs
    examples/export/out/scikit-learn/held-out.jsonl     the wines that it was not trained on
    examples/export/out/scikit-learn/predictions.jsonl  what scikit-learn itself says of them

Run it in an environment with requirements.txt, which lies beside it. The data ships with scikit-learn.

Trees are where conversions go wrong. scikit-learn scales in float64 and its trees compare in float32; a graph that does
all in float32, or all in float64, rounds elsewhere, and a value on the other side of a split is another leaf. On this
data it was up to 0.07 of a probability. Float64 in and `CastTransformer` before the trees is what scikit-learn does.
Linear models and networks have no splits: float32 will do for them.
"""

import json
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.sklapi import CastTransformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 20
HELD_OUT = 0.3
OPSET = {"": 17, "ai.onnx.ml": 3}
OUT = Path(__file__).resolve().parent / "out" / "scikit-learn"


def convert(classifier, width):
    """One input `features` [N, width]; the outputs are `label` [N], text here, and `probabilities` [N, classes]."""
    return to_onnx(
        classifier,
        initial_types=[("features", DoubleTensorType([None, width]))],
        # With it the probabilities are a list of dictionaries, which is no tensor and has no rows.
        options={"zipmap": False},
        target_opset=OPSET,
    )


def write_jsonl(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    data = load_wine()
    cultivars = data.target_names[data.target]
    rows = np.arange(len(cultivars))
    training, held_out = train_test_split(rows, test_size=HELD_OUT, stratify=cultivars, random_state=SEED)
    forest = RandomForestClassifier(n_estimators=100, random_state=SEED)
    classifier = make_pipeline(StandardScaler(), CastTransformer(dtype=np.float32), forest)
    classifier.fit(data.data[training], cultivars[training])

    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "model.onnx").write_bytes(convert(classifier, data.data.shape[1]).SerializeToString())

    ids = [f"wine-{row:03}" for row in held_out]
    features = data.data[held_out]
    labels = classifier.predict(features)
    probabilities = classifier.predict_proba(features)
    write_jsonl(OUT / "held-out.jsonl", ({"id": i, "features": f} for i, f in zip(ids, features.tolist())))
    write_jsonl(
        OUT / "predictions.jsonl",
        (
            {"id": i, "prediction": {"label": label, "probabilities": p}}
            for i, label, p in zip(ids, labels.tolist(), probabilities.tolist())
        ),
    )
    right = int(np.sum(labels == cultivars[held_out]))
    print(f"{right} of {len(ids)} held-out wines right ({right / len(ids):.1%})")
