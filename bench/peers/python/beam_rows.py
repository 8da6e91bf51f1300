"""Apache Beam RunInference, FnApiRunner (what DirectRunner runs on when the Prism binary can't be fetched).
Usage: beam_rows.py <jsonl|csv|images> <input> <output folder>

Tuned: batches of exactly 1,024 (16); a KeyedModelHandler carries ids; orjson; no type checks at run
time; in memory, as two workers in processes of their own took longer."""
import os
import sys
from glob import glob

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["PYTHONPATH"] = HERE
import apache_beam as beam
import numpy as np
import onnxruntime as ort
import orjson
from apache_beam.ml.inference.base import KeyedModelHandler, RunInference
from apache_beam.ml.inference.onnx_inference import OnnxModelHandlerNumpy
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from common import BATCH, DATA, IMAGE_BATCH


class Handler(OnnxModelHandlerNumpy):
    """Session options can't be pickled for another process, so they are made where the model is loaded."""

    def load_model(self):
        from common import session, vips_single_threaded

        vips_single_threaded()
        return session(os.path.basename(self._model_uri))

    def run_inference(self, batch, inference_session, inference_args=None):
        # Without PredictionResult's copy of the example, which would be kept until it is written.
        return self._model_inference_fn(inference_session, batch, inference_args)


def parse_json(line: bytes):
    row = orjson.loads(line)
    return row["id"], np.array(row["x"], np.float32)


def parse_csv(line: str):
    identity, rest = line.split(",", 1)
    return identity, np.fromstring(rest, np.float32, sep=",")


def load_image(path: str):
    from common import decode

    with open(path, "rb") as file:
        return os.path.basename(path), decode(file.read())


def main() -> None:
    kind, path, output = sys.argv[1:4]
    options = PipelineOptions(
        [],
        direct_running_mode="in_memory",
        direct_num_workers=1,
        runtime_type_check=False,
        save_main_session=False,
    )
    images = kind == "images"
    size = IMAGE_BATCH if images else BATCH
    handler = KeyedModelHandler(
        Handler(
            f"{DATA}/{'conv-net' if images else 'mlp'}.onnx",
            providers=["CPUExecutionProvider"],
            min_batch_size=size,
            max_batch_size=size,
        )
    )
    name = "scores" if images else "probabilities"
    pattern = f"{path}/*" if os.path.isdir(path) else path

    def line(keyed) -> bytes:
        return orjson.dumps({"id": keyed[0], "prediction": {name: keyed[1].astype(np.float64).tolist()}})

    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        if images:
            rows = pipeline | beam.Create(sorted(glob(pattern)), reshuffle=False) | beam.Map(load_image)
        elif kind == "jsonl":
            rows = pipeline | beam.io.ReadFromText(pattern, coder=beam.coders.BytesCoder()) | beam.Map(parse_json)
        else:
            rows = pipeline | beam.io.ReadFromText(pattern, skip_header_lines=1) | beam.Map(parse_csv)
        predictions = rows | RunInference(handler)
        (
            predictions
            | beam.Map(line)
            | beam.io.WriteToText(f"{output}/part", ".jsonl", num_shards=0, coder=beam.coders.BytesCoder())
        )


if __name__ == "__main__":
    main()
