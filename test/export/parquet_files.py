"""Writes Parquet files with pyarrow, Polars and DuckDB, and beside each what pyarrow reads of it.

    python parquet_files.py <folder> [--small | --example]

For x.parquet there is x.jsonl: a line for each row, with values as `plain` writes them. --small writes the few files that
are committed in test/formats/parquet/fixtures, with pyarrow alone; --example writes examples/data/formats/planets.parquet.
"""

import datetime
import decimal
import json
import random
import struct
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MAX_SAFE = 2**53 - 1


def number(value):
    if isinstance(value, int) and abs(value) > MAX_SAFE:
        return f"b:{value}"
    value = float(value)
    return "n:nan" if value != value else "n:" + struct.pack(">d", value).hex()


def time_text(value, digits):
    seconds, rest = divmod(value, 10**digits)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{rest:0{digits}}" if digits else text


def timestamp_text(value, digits, zone):
    days, rest = divmod(value, 86400 * 10**digits)
    day = datetime.date(1970, 1, 1) + datetime.timedelta(days=days)
    return f"{day.isoformat()}T{time_text(rest, digits)}" + ("Z" if zone else "")


DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def plain(scalar):
    """The value of a scalar as text, of which both languages write the same."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            return f"s:{scalar.as_py()}"
        return plain(scalar.value)
    if pa.types.is_dictionary(kind):
        return plain(scalar.dictionary[scalar.index.as_py()])
    if pa.types.is_boolean(kind):
        return scalar.as_py()
    if pa.types.is_decimal(kind):
        return f"s:{format(scalar.as_py(), 'f')}"
    if pa.types.is_date(kind):
        return f"s:{scalar.as_py().isoformat()}"
    if pa.types.is_time(kind):
        return f"s:{time_text(scalar.value, DIGITS[kind.unit])}"
    if pa.types.is_timestamp(kind):
        return f"s:{timestamp_text(scalar.value, DIGITS[kind.unit], kind.tz)}"
    if pa.types.is_duration(kind):
        return number(scalar.value)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return number(scalar.as_py())
    if pa.types.is_map(kind):
        return {str(key.as_py()): plain(item) for key, item in zip(scalar.values.field(0), scalar.values.field(1))}
    if pa.types.is_struct(kind):
        return {name: plain(scalar[name]) for name in scalar}
    if pa.types.is_nested(kind):
        return [plain(item) for item in scalar.values]
    value = scalar.as_py()
    return f"x:{value.hex()}" if isinstance(value, bytes) else f"s:{value}"


def expect(path):
    table = pq.read_table(path)
    columns = [[plain(scalar) for scalar in column] for column in table.columns]
    with open(Path(path).with_suffix(".jsonl"), "w", encoding="utf-8") as lines:
        for row in zip(*columns):
            lines.write(json.dumps(dict(zip(table.column_names, row)), ensure_ascii=False) + "\n")


def typed_table(rows, seed=7):
    """A column for each type, a fifth of the values null."""
    rng = random.Random(seed)
    day = datetime.date
    texts = ["", "a", "Zürich", "日本", "line\nbreak", '"quoted"', "x" * 300, "🚀"]

    def integers(bits, signed=True):
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return lambda: rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(0, 100)])

    def decimals(digits, scale):
        return lambda: decimal.Decimal(rng.randint(-(10**digits) + 1, 10**digits - 1)).scaleb(-scale, decimal.Context(80))

    def times(unit):
        most = {"s": 10**10, "ms": 10**13, "us": 10**15, "ns": 8 * 10**18}[unit]
        return lambda: rng.choice([0, -1, 1, rng.randint(-most, most)])

    def day_part(unit):
        return lambda: rng.randrange(86400 * 10 ** DIGITS[unit])

    def floats():
        return rng.choice([0.0, -0.0, 1.5, float("nan"), float("inf"), -float("inf"), rng.uniform(-1e6, 1e6), 5e-324])

    makers = {
        "bool": (pa.bool_(), lambda: rng.random() < 0.5),
        **{f"int{n}": (getattr(pa, f"int{n}")(), integers(n)) for n in (8, 16, 32, 64)},
        **{f"uint{n}": (getattr(pa, f"uint{n}")(), integers(n, False)) for n in (8, 16, 32, 64)},
        "small64": (pa.int64(), lambda: rng.randint(-1000, 1000)),
        "float16": (pa.float16(), lambda: rng.choice([0.5, -2.0, 65504.0, 6e-8, float("nan")])),
        "float32": (pa.float32(), floats),
        "float64": (pa.float64(), floats),
        "string": (pa.string(), lambda: rng.choice(texts)),
        "large_string": (pa.large_string(), lambda: "".join(rng.choices(texts, k=2))),
        "binary": (pa.binary(), lambda: rng.randbytes(rng.randrange(20))),
        "large_binary": (pa.large_binary(), lambda: rng.randbytes(3)),
        "fixed": (pa.binary(5), lambda: rng.randbytes(5)),
        "uuid": (pa.uuid(), lambda: rng.randbytes(16)),
        "category": (pa.dictionary(pa.int32(), pa.string()), lambda: rng.choice(texts)),
        "date32": (pa.date32(), lambda: day.fromordinal(rng.randint(1, day.max.toordinal()))),
        "date64": (pa.date64(), lambda: day(2024, 2, 29)),
        "time32s": (pa.time32("s"), day_part("s")),
        "time32ms": (pa.time32("ms"), day_part("ms")),
        "time64us": (pa.time64("us"), day_part("us")),
        "time64ns": (pa.time64("ns"), day_part("ns")),
        "ts_s": (pa.timestamp("s"), times("s")),
        "ts_ms": (pa.timestamp("ms"), times("ms")),
        "ts_us": (pa.timestamp("us"), times("us")),
        "ts_us_utc": (pa.timestamp("us", "UTC"), times("us")),
        "ts_ms_zone": (pa.timestamp("ms", "Europe/Berlin"), times("ms")),
        "ts_ns": (pa.timestamp("ns"), times("ns")),
        "duration": (pa.duration("us"), lambda: rng.randint(-(10**12), 10**12)),
        "decimal5": (pa.decimal128(5, 2), decimals(5, 2)),
        "decimal18": (pa.decimal128(18, 4), decimals(18, 4)),
        "decimal38": (pa.decimal128(38, 8), decimals(38, 8)),
        "decimal60": (pa.decimal256(60, 20), decimals(60, 20)),
    }
    columns = {}
    for name, (kind, make) in makers.items():
        storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
        if pa.types.is_dictionary(kind):
            storage = kind.value_type
        values = [None if rng.random() < 0.2 else make() for _ in range(rows)]
        array = pa.array(values, storage)
        columns[name] = array.dictionary_encode() if pa.types.is_dictionary(kind) else array.cast(kind) if storage is kind else pa.ExtensionArray.from_storage(kind, array)
    return pa.table(columns)


def nested_table(rows, seed=3):
    rng = random.Random(seed)

    def maybe(make, nulls=0.2):
        return None if rng.random() < nulls else make()

    def some(make, most=4):
        return [maybe(make) for _ in range(rng.randrange(most))]

    def struct_of():
        return {"a": maybe(lambda: rng.randrange(100)), "b": maybe(lambda: some(lambda: {"c": maybe(lambda: rng.choice("xyz"))}))}

    kinds = {
        "list": (pa.list_(pa.int32()), lambda: some(lambda: rng.randrange(10))),
        "lists": (pa.list_(pa.list_(pa.string())), lambda: some(lambda: some(lambda: rng.choice(["", "é", "xyz"])))),
        "vector": (pa.list_(pa.float32(), 3), lambda: [rng.random() for _ in range(3)]),
        "struct": (
            pa.struct([("a", pa.int64()), ("b", pa.list_(pa.struct([("c", pa.string())])))]),
            struct_of,
        ),
        "map": (pa.map_(pa.string(), pa.int64()), lambda: [(key, maybe(lambda: rng.randrange(9))) for key in rng.sample("abcd", rng.randrange(4))]),
        "image": (pa.struct([("bytes", pa.binary()), ("path", pa.string())]), lambda: {"bytes": rng.randbytes(8), "path": "x.png"}),
        "prices": (pa.list_(pa.decimal128(10, 2)), lambda: some(lambda: decimal.Decimal(rng.randrange(10**6)).scaleb(-2))),
        "times": (pa.list_(pa.timestamp("us", "UTC")), lambda: some(lambda: rng.randrange(10**15))),
    }
    return pa.table({name: pa.array([maybe(make) for _ in range(rows)], kind) for name, (kind, make) in kinds.items()})


def required_table(rows, seed=5):
    """Numbers that are never null, as most tables of features have them."""
    rng = random.Random(seed)
    schema = pa.schema(
        [pa.field("id", pa.string(), False)]
        + [pa.field(f"c{n}", kind, False) for n, kind in enumerate([pa.float64(), pa.float32(), pa.int64(), pa.int32(), pa.bool_()])]
    )
    columns = [
        [f"r{n}" for n in range(rows)],
        [rng.uniform(-5, 5) for _ in range(rows)],
        [rng.choice([0.5, 1.25, 3.0]) for _ in range(rows)],
        [rng.randint(-(10**12), 10**12) for _ in range(rows)],
        [n % 7 for n in range(rows)],
        [n % 3 == 0 for n in range(rows)],
    ]
    return pa.table(columns, schema=schema)


def write(folder, name, table, **options):
    path = folder / f"{name}.parquet"
    pq.write_table(table, path, **options)
    expect(path)


def small_files(folder):
    write(folder, "types", typed_table(40), compression="snappy", row_group_size=15, write_page_index=True)
    write(folder, "types-v2", typed_table(40), compression="zstd", data_page_version="2.0", row_group_size=30)
    write(folder, "nested", nested_table(60), compression="gzip", data_page_size=64, write_batch_size=4, row_group_size=45)
    write(folder, "pages", required_table(400), compression="lz4", use_dictionary=["c1", "c4"], data_page_size=256, write_batch_size=16, row_group_size=300, write_page_index=True, write_page_checksum=True)
    write(folder, "walked", required_table(300), compression="snappy", use_dictionary=["id"], data_page_size=256, write_batch_size=16)
    write(folder, "int96", typed_table(12).select(["ts_us", "ts_ns", "string"]), use_deprecated_int96_timestamps=True, compression="brotli")
    write(folder, "empty", required_table(0))


def example(folder):
    table = pa.table(
        {
            "name": ["Earth", "Mars", "Neptune", "Venus"],
            "moons": [1, 2, 16, None],
            "mass": [decimal.Decimal(text) for text in ("5.9722", "0.6417", "102.4100", "4.8673")],
            "discovered": pa.array([None, None, datetime.date(1846, 9, 23), None]),
        }
    )
    pq.write_table(table, folder / "planets.parquet")


def many_files(folder):
    types, nested, required = typed_table(3000), nested_table(3000), required_table(5000)
    for version in ("1.0", "2.0"):
        for codec in ("none", "snappy", "gzip", "brotli", "zstd", "lz4"):
            for kind, table in (("types", types), ("nested", nested), ("required", required)):
                write(folder, f"{kind}-{version}-{codec}", table, compression=codec, data_page_version=version, row_group_size=1100, data_page_size=4096, write_batch_size=128, write_page_index=codec in ("snappy", "zstd"), write_page_checksum=codec == "gzip")
        for kind, table in (("types", types), ("nested", nested)):
            write(folder, f"{kind}-{version}-no-dictionary", table, use_dictionary=False, data_page_version=version)
            write(folder, f"{kind}-{version}-one-row-groups", table.slice(0, 25), row_group_size=1, data_page_version=version)
        encodings = {"int32": "DELTA_BINARY_PACKED", "int64": "DELTA_BINARY_PACKED", "string": "DELTA_BYTE_ARRAY", "binary": "DELTA_LENGTH_BYTE_ARRAY", "float64": "BYTE_STREAM_SPLIT", "float32": "BYTE_STREAM_SPLIT", "float16": "BYTE_STREAM_SPLIT", "fixed": "BYTE_STREAM_SPLIT", "bool": "RLE"}
        write(folder, f"encodings-{version}", types.select(list(encodings)), use_dictionary=False, column_encoding=encodings, data_page_version=version, data_page_size=2048, write_batch_size=64)
    write(folder, "int96", types.select(["ts_us", "ts_ns"]), use_deprecated_int96_timestamps=True)
    write(folder, "no-rows", types.slice(0, 0))
    pq.ParquetWriter(folder / "no-groups.parquet", types.schema).close()
    expect(folder / "no-groups.parquet")
    other_writers(folder, types, nested)


def other_writers(folder, types, nested):
    import duckdb
    import polars

    # Types that these writers have not.
    left_out = {"float16", "duration", "decimal60", "uuid", "fixed", "date64", "time32s", "ts_s", "ts_ms_zone", "category"}
    table = types.select([name for name in types.column_names if name not in left_out])
    parts = nested.select(["list", "lists", "struct"])
    for name, data in (("types", table), ("nested", parts)):
        path = folder / f"polars-{name}.parquet"
        polars.from_arrow(data).write_parquet(path, row_group_size=700, data_page_size=4096)
        expect(path)
        path = folder / f"duckdb-{name}.parquet"
        source = data
        duckdb.sql(f"COPY (SELECT * FROM source) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")
        expect(path)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    (small_files if "--small" in sys.argv else example if "--example" in sys.argv else many_files)(target)
