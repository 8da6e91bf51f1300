"""Writes texts and pairs, and their tokens by the `tokenizers` library, for test/export/tokenizers.test.ts.

    python test/export/tokenize_texts.py <folder of a model> <output.jsonl> <maximum tokens>

Texts are the reviews of examples/data/reviews.csv, whole and in pieces, and random ones of many scripts, with emoji,
combining marks, control characters and U+0000. Seeds are fixed.
"""

import csv
import json
import random
import sys
from pathlib import Path

from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
COUNT = 6000
PAIRS = 1000

SCRIPTS = [
    (0x20, 0x7E),  # ASCII
    (0x20, 0x7E),
    (0xA0, 0x17F),  # Latin
    (0x370, 0x3FF),  # Greek
    (0x400, 0x4FF),  # Cyrillic
    (0x5D0, 0x5EA),  # Hebrew
    (0x620, 0x64A),  # Arabic
    (0x900, 0x97F),  # Devanagari
    (0xE01, 0xE3A),  # Thai
    (0x3041, 0x30FF),  # Japanese
    (0x4E00, 0x9FA5),  # CJK
    (0xAC00, 0xD7A3),  # Korean
    (0x2000, 0x206F),  # punctuation, spaces, marks of direction
    (0x1F300, 0x1F64F),  # emoji
    (0x300, 0x36F),  # combining marks
    (0x00, 0x1F),  # control characters
]
WORDS = ["don't", "won't", "[MASK]", "</s>", "<mask>", "[SEP]", "e.g.", "U.S.A.", "http://a.b/c?d=1", "@user", "#tag", "3.14", "ΟΔΟΣ", "İstanbul", "straße"]


def random_text(rng):
    parts = []
    for _ in range(rng.randint(1, 12)):
        low, high = rng.choice(SCRIPTS)
        word = "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 9)))
        parts.append(rng.choice([word, word, word.upper(), rng.choice(WORDS)]))
    return rng.choice([" ", " ", "", "  ", "\n"]).join(parts)


def texts():
    rng = random.Random(20)
    with (ROOT / "examples/data/reviews.csv").open(newline="", encoding="utf-8") as file:
        reviews = [row["text"] for row in csv.DictReader(file)]
    pieces = [text[rng.randrange(len(text)) :] for text in reviews for _ in range(4)]
    long = [" ".join(rng.sample(reviews, 12)) for _ in range(100)]
    known = reviews + pieces + long
    return known + [random_text(rng) for _ in range(COUNT - len(known))]


def main():
    folder, output, most = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    all_texts = texts()
    rng = random.Random(21)
    pairs = [(rng.choice(all_texts), rng.choice(all_texts)) for _ in range(PAIRS)]
    with output.open("w", encoding="utf-8") as file:
        for given in [*((text,) for text in all_texts), *pairs]:
            encoding = tokenizer.encode(*given)
            line = {"texts": given, "ids": encoding.ids, "types": encoding.type_ids, "offsets": encoding.offsets}
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
