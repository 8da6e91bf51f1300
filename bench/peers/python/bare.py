"""No framework: pyarrow reads, numpy holds, onnxruntime infers, orjson writes. With 2 processes each takes one half.
Usage: bare.py <jsonl|csv|images> <input> <output folder> <processes>"""
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from glob import glob
from multiprocessing import get_context

import numpy as np
from common import BATCH, IMAGE_BATCH, SIDE, WIDTH, decode, lines, session, vips_single_threaded

BLOCK = 4 << 20


class Part:
    """Bytes of a file from one line's start to another's."""

    def __init__(self, path: str, start: int, end: int):
        self.file, self.left = open(path, "rb", buffering=0), end - start
        self.file.seek(start)
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(data)
        return data

    def readable(self):
        return True

    def close(self):
        self.closed = True


def tables(kind: str, path: str, start: int, end: int, threads: bool):
    import pyarrow as pa
    from pyarrow import csv, json

    if kind == "jsonl":
        schema = pa.schema([("id", pa.string()), ("x", pa.list_(pa.float32()))])
        yield from json.open_json(
            Part(path, start, end),
            read_options=json.ReadOptions(use_threads=threads, block_size=BLOCK),
            parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    else:
        names = ["id", *(f"x{column}" for column in range(WIDTH))]
        yield from csv.open_csv(
            Part(path, start, end),
            read_options=csv.ReadOptions(use_threads=threads, block_size=BLOCK, column_names=names, skip_rows=start == 0),
            convert_options=csv.ConvertOptions(column_types={n: pa.string() if n == "id" else pa.float32() for n in names}),
        )


def rows_of(kind: str, batch) -> np.ndarray:
    if kind == "jsonl":
        return batch.column("x").values.to_numpy(zero_copy_only=False).reshape(-1, WIDTH)
    return np.stack([batch.column(column).to_numpy(zero_copy_only=False) for column in range(1, WIDTH + 1)], axis=1)


def batches(kind: str, parts, threads: bool):
    ids, rows, held = [], [], 0
    for path, start, end in parts:
        for table in tables(kind, path, start, end, threads):
            ids.extend(table.column("id").to_pylist())
            rows.append(rows_of(kind, table))
            held += len(rows[-1])
            if held < BATCH:
                continue
            x, at = np.concatenate(rows), 0
            while held - at >= BATCH:
                yield ids[at : at + BATCH], x[at : at + BATCH]
                at += BATCH
            ids, rows, held = ids[at:], [x[at:]], held - at
    if held:
        yield ids, np.concatenate(rows)


def run_rows(kind: str, parts, output: str, threads: bool) -> None:
    model = session("mlp.onnx")
    with open(output, "wb", buffering=1 << 20) as out:
        for ids, x in batches(kind, parts, threads):
            out.write(lines(ids, model.run(None, {"x": x})[0], "probabilities"))


def run_images(files, output: str, threads: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    vips_single_threaded()
    model = session("conv-net.onnx", threads)

    def load(path: str) -> np.ndarray:
        with open(path, "rb") as file:
            return decode(file.read())

    with ThreadPoolExecutor(threads) as pool, open(output, "wb") as out:
        pages = [files[at : at + IMAGE_BATCH] for at in range(0, len(files), IMAGE_BATCH)]
        ahead = [pool.submit(load, path) for path in (pages[0] if pages else [])]
        for at, page in enumerate(pages):
            now, ahead = ahead, [pool.submit(load, path) for path in (pages[at + 1] if at + 1 < len(pages) else [])]
            x = np.stack([task.result() for task in now])
            out.write(lines([os.path.basename(path) for path in page], model.run(None, {"image": x})[0], "scores"))


def halves(path: str, processes: int):
    """Parts of about equal size: of one file, from line to line; of a folder, whole files."""
    if os.path.isdir(path):
        files = sorted(glob(f"{path}/*"))
        return [[(file, 0, os.path.getsize(file)) for file in files[n::processes]] for n in range(processes)]
    size, cuts = os.path.getsize(path), [0]
    with open(path, "rb") as file:
        for n in range(1, processes):
            file.seek(size * n // processes)
            file.readline()
            cuts.append(file.tell())
    return [[(path, start, end)] for start, end in zip(cuts, [*cuts[1:], size])]


def main() -> None:
    kind, path, output, processes = sys.argv[1:5]
    processes = int(processes)
    os.makedirs(output, exist_ok=True)
    if kind == "images":
        files = sorted(glob(f"{path}/*"))
        size = -(-len(files) // processes)
        jobs = [(run_images, files[n * size : (n + 1) * size], f"{output}/part-{n}.jsonl", 2 // processes) for n in range(processes)]
    else:
        parts = halves(path, processes)
        jobs = [(run_rows, kind, part, f"{output}/part-{n}.jsonl", processes == 1) for n, part in enumerate(parts)]
    if processes == 1:
        jobs[0][0](*jobs[0][1:])
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for task in [pool.submit(*job) for job in jobs]:
            task.result()


if __name__ == "__main__":
    main()
