"""Ray Data. Usage: ray_rows.py <jsonl|csv|images> <input> <output folder> <workers> [ranges]

Tuned: no dashboard, usage statistics, progress bars; an object store for the blocks that are in flight, not 30 % of the
machine; pyarrow's reader with threads; Arrow batches, so that nothing is copied into Python objects before the model;
a datasink that writes with orjson (write_json goes through pandas, and was slower). Ray Data does not split a file:
`ranges` has each task read, infer and write its own range of bytes, as one would who knows that."""
import os
import sys
import tempfile
from glob import glob

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_DEDUP_LOGS": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["PYTHONPATH"] = HERE
import logging

import pyarrow as pa
import ray
from common import BATCH, IMAGE_BATCH, SIDE, WIDTH
from ray.data.datasource import BlockBasedFileDatasink

COLUMNS = [f"x{column}" for column in range(WIDTH)]


class Predictor:
    def __init__(self, kind: str):
        from common import session, vips_single_threaded

        self.kind = kind
        vips_single_threaded()
        self.model = session("conv-net.onnx" if kind == "images" else "mlp.onnx")

    def __call__(self, batch):
        import numpy as np
        from common import decode

        if self.kind == "images":
            x = np.stack([decode(data.as_py()) for data in batch["bytes"]])
            ids = pa.array([os.path.basename(path) for path in batch["path"].to_pylist()])
            result = self.model.run(None, {"image": x})[0]
        else:
            if self.kind == "jsonl":
                x = batch["x"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, WIDTH)
            else:
                x = np.stack([batch[name].to_numpy() for name in COLUMNS], axis=1)
            ids = batch["id"]
            result = self.model.run(None, {"x": x.astype(np.float32, copy=False)})[0]
        flat = pa.FixedSizeListArray.from_arrays(pa.array(result.reshape(-1)), result.shape[1])
        return pa.table({"id": ids, "prediction": flat})


class Lines(BlockBasedFileDatasink):
    def __init__(self, path: str, name: str):
        super().__init__(path, file_format="jsonl")
        self.name = name

    def write_block_to_file(self, block, file):
        from common import lines

        table = block.to_arrow()
        column = table["prediction"].combine_chunks()
        values = column.flatten().to_numpy(zero_copy_only=False)
        file.write(lines(table["id"].to_pylist(), values.reshape(len(table), -1), self.name))


def whole_range(batch):
    """One range of bytes, or one share of the files: read, inferred and written here."""
    from bare import run_images, run_rows

    for kind, parts, output in zip(batch["kind"], batch["parts"], batch["output"]):
        if kind == "images":
            run_images(list(parts), output, 1)
        else:
            run_rows(kind, [(p["path"], int(p["start"]), int(p["end"])) for p in parts], output, False)
    return {"written": batch["output"]}


def main() -> None:
    kind, path, output, workers = sys.argv[1:5]
    style, workers = (sys.argv[5:] + ["blocks"])[0], int(workers)
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        logging_level=logging.ERROR,
        log_to_driver=False,
        object_store_memory=2048 << 20,
        _temp_dir=tempfile.mkdtemp(prefix="ray-"),
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = 32 << 20
    context.execution_options.preserve_order = False
    name = "scores" if kind == "images" else "probabilities"
    os.makedirs(output, exist_ok=True)

    if style == "ranges":
        from bare import halves

        if kind == "images":
            files = sorted(glob(f"{path}/*"))
            shares = [files[at : at + 160] for at in range(0, len(files), 160)]
        else:
            count = max(2, (os.path.getsize(path) >> 26)) if os.path.isfile(path) else 16
            shares = [[{"path": p, "start": s, "end": e} for p, s, e in part] for part in halves(path, count)]
        items = [{"kind": kind, "parts": s, "output": f"{output}/part-{n:05}.jsonl"} for n, s in enumerate(shares)]
        ray.data.from_items(items, override_num_blocks=len(items)).map_batches(whole_range, batch_size=1).materialize()
        return

    if kind == "images":
        data = ray.data.read_binary_files(path, include_paths=True, override_num_blocks=16)
        batch = IMAGE_BATCH
    elif kind == "jsonl":
        from pyarrow import json

        schema = pa.schema([("id", pa.string()), ("x", pa.list_(pa.float32()))])
        data = ray.data.read_json(
            path,
            file_extensions=None,
            read_options=json.ReadOptions(use_threads=True, block_size=4 << 20),
            parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
        batch = BATCH
    else:
        from pyarrow import csv

        data = ray.data.read_csv(
            path,
            read_options=csv.ReadOptions(use_threads=True, block_size=4 << 20),
            convert_options=csv.ConvertOptions(column_types={"id": pa.string()} | {c: pa.float32() for c in COLUMNS}),
        )
        batch = BATCH
    predictions = data.map_batches(
        Predictor,
        fn_constructor_args=(kind,),
        batch_size=batch,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=0.5,
    )
    predictions.write_datasink(Lines(output, name))


if __name__ == "__main__":
    main()
