"""Daft, its native runner (Swordfish). Usage: daft_rows.py <jsonl|csv|images> <input> <output folder>

Tuned: the schema is given, not inferred; a class UDF whose input is Arrow and stays so; batches by `into_batches`, which
gives 0.8 of what is asked (the UDF's own `batch_size=1024` gave 5 rows a call behind read_json, and took 20 times the
CPU). The class has no max_concurrency, so Daft runs it in its own threads: two processes took longer."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["PYTHONPATH"] = HERE
os.environ |= {"DAFT_ANALYTICS_ENABLED": "0", "DO_NOT_TRACK": "true", "SCARF_NO_ANALYTICS": "true", "DAFT_PROGRESS_BAR": "0"}
import daft
import numpy as np
import pyarrow as pa
from common import BATCH, IMAGE_BATCH, SIDE, WIDTH
from daft import DataType as T

kind, path, output = sys.argv[1:4]
CLASSES = 10 if kind == "images" else 2
NAME = "scores" if kind == "images" else "probabilities"
SIZE = IMAGE_BATCH if kind == "images" else BATCH
COLUMNS = [f"x{column}" for column in range(WIDTH)]
PREDICTION = T.struct({NAME: T.list(T.float32())})


def predictions(rows: np.ndarray) -> daft.Series:
    offsets = pa.array(np.arange(0, len(rows) * CLASSES + 1, CLASSES, dtype=np.int64))
    values = pa.LargeListArray.from_arrays(offsets, pa.array(rows.reshape(-1)))
    return daft.Series.from_arrow(pa.StructArray.from_arrays([values], [NAME]), name="prediction")


@daft.cls
class Predictor:
    def __init__(self):
        from common import session, vips_single_threaded

        vips_single_threaded()
        self.model = session("conv-net.onnx" if kind == "images" else "mlp.onnx")

    @daft.method.batch(return_dtype=PREDICTION)
    def rows(self, x: daft.Series):
        rows = x.to_arrow().flatten().to_numpy(zero_copy_only=False).reshape(-1, WIDTH)
        return predictions(self.model.run(None, {"x": rows})[0])

    @daft.method.batch(return_dtype=PREDICTION)
    def columns(self, *columns: daft.Series):
        rows = np.stack([column.to_arrow().to_numpy() for column in columns], axis=1)
        return predictions(self.model.run(None, {"x": rows})[0])

    @daft.method.batch(return_dtype=PREDICTION)
    def images(self, content: daft.Series):
        from common import decode

        x = np.stack([decode(data.as_py()) for data in content.to_arrow()])
        return predictions(self.model.run(None, {"image": x})[0])


predictor = Predictor()
if kind == "jsonl":
    data = daft.read_json(path, infer_schema=False, schema={"id": T.string(), "x": T.list(T.float32())})
    data = data.into_batches(SIZE).select(daft.col("id"), predictor.rows(daft.col("x")).alias("prediction"))
elif kind == "csv":
    schema = {"id": T.string()} | {name: T.float32() for name in COLUMNS}
    data = daft.read_csv(path, infer_schema=False, schema=schema)
    data = data.into_batches(SIZE).select(daft.col("id"), predictor.columns(*map(daft.col, COLUMNS)).alias("prediction"))
else:
    data = daft.from_glob_path(f"{path}/*").select(daft.col("path").alias("id"))
    data = data.with_column("content", daft.functions.download(daft.col("id"))).into_batches(SIZE)
    data = data.select(daft.col("id"), predictor.images(daft.col("content")).alias("prediction"))
data.write_json(output, write_mode="overwrite")
