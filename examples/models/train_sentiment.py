"""Trains the sentiment model of examples/models/sentiment and writes the held-out reviews that it is run on.

    examples/models/sentiment/config.json, tokenizer_config.json     as Hugging Face models have them
    examples/models/sentiment/tokenizer.json                         kept where it exists: see below
    examples/models/sentiment/onnx/model_quantized.onnx              8-bit weights (dtype 'q8')
    examples/data/reviews.csv                                        held-out reviews with their ratings

Run it in a virtual environment, from the repository's root:

    python3.11 -m venv .venv && . .venv/bin/activate
    pip install -r examples/models/requirements-sentiment.txt
    pip download vaderSentiment==3.3.2 --no-deps --no-binary :all: --dest out/vader
    python examples/models/train_sentiment.py out/vader/vaderSentiment-3.3.2.tar.gz

The texts and their ratings by people are those of the source distribution of vaderSentiment (MIT licence):

    Hutto, C.J. & Gilbert, E.E. (2014). VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
    Text. Eighth International Conference on Weblogs and Social Media (ICWSM-14). Ann Arbor, MI, June 2014.

Seeds are fixed and PyTorch has one thread: two runs had the same losses. Training a WordPiece vocabulary does not give
the same one twice, so an existing tokenizer.json is used. `--full` also writes onnx/model.onnx (fp32), for
comparisons. At the end it prints the accuracy on all held-out texts, by running the written model.
"""

import argparse
import csv
import io
import json
import random
import tarfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from without_traces import without_traces

SEED = 20
HELD_OUT = 0.1
EPOCHS = 3
BATCH = 32
# A higher rate ends with a model that answers the same for all texts.
LEARNING_RATE = 6e-4
WARM_UP = 0.15
MAX_TOKENS = 128
VOCABULARY = 4000
# A text whose mean rating, from -4 to 4, is nearer to 0 has no clear sentiment.
MIN_RATING = 0.8
LABELS = ["NEGATIVE", "POSITIVE"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SOURCES = ["movieReviewSnippets", "amazonReviewSnippets", "tweets", "nytEditorialSnippets"]
REVIEWS = {"movieReviewSnippets": "movie", "amazonReviewSnippets": "product"}
REVIEW_COUNT = 500

MODEL = Path(__file__).resolve().parent / "sentiment"
REVIEWS_CSV = Path(__file__).resolve().parents[1] / "data" / "reviews.csv"


def read_texts(archive):
    """Returns (source, id, text, label) of every text with a clear sentiment."""
    with tarfile.open(archive) as outer:
        inner = next(name for name in outer.getnames() if name.endswith("hutto_ICWSM_2014.tar.gz"))
        data = outer.extractfile(inner).read()
    texts = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for source in SOURCES:
            lines = tar.extractfile(f"hutto_ICWSM_2014/{source}_GroundTruth.txt").read().decode("utf-8", "replace")
            for line in lines.splitlines():
                number, rating, text = line.split("\t", 2)
                text = text.strip()
                if abs(float(rating)) >= MIN_RATING and text:
                    texts.append((source, number, text, int(float(rating) > 0)))
    return texts


def split(texts):
    order = list(range(len(texts)))
    random.Random(SEED).shuffle(order)
    count = round(len(texts) * HELD_OUT)
    return [texts[i] for i in order[count:]], [texts[i] for i in sorted(order[:count])]


def train_tokenizer(texts, path):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL))
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )
    tokenizer.save(str(path), pretty=False)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_reviews(held_out):
    reviews = [text for text in held_out if text[0] in REVIEWS]
    chosen = sorted(random.Random(SEED).sample(range(len(reviews)), REVIEW_COUNT))
    with REVIEWS_CSV.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "text", "sentiment"])
        for source, number, text, label in (reviews[i] for i in chosen):
            writer.writerow([f"{REVIEWS[source]}-{number}", text, LABELS[label].lower()])


def batches(rows, generator):
    """Batches of similar lengths in random order: padding costs as much as text."""
    order = torch.randperm(len(rows), generator=generator).tolist()
    for start in range(0, len(order), BATCH * 50):
        window = sorted(order[start : start + BATCH * 50], key=lambda i: len(rows[i][0]))
        groups = [window[at : at + BATCH] for at in range(0, len(window), BATCH)]
        for at in torch.randperm(len(groups), generator=generator).tolist():
            yield [rows[i] for i in groups[at]]


def padded(rows):
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows])
    return ids, (ids != 0).long(), torch.tensor([label for _, label in rows])


def train(rows, config):
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    model = DistilBertForSequenceClassification(config).train()
    steps = EPOCHS * (len(rows) // BATCH + 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP)
    for epoch in range(EPOCHS):
        losses = []
        for batch in batches(rows, generator):
            ids, mask, labels = padded(batch)
            optimizer.zero_grad()
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: mean loss {sum(losses) / len(losses):.3f}", flush=True)
    return model.eval()


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def export(model, path):
    ids = torch.ones((2, 8), dtype=torch.int64)
    sizes = {0: torch.export.Dim("batch_size"), 1: torch.export.Dim("sequence_length", max=MAX_TOKENS)}
    program = torch.onnx.export(
        Logits(model),
        # Two tensors: the exporter takes one that is passed twice for one input.
        (ids, torch.ones_like(ids)),
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": sizes, "attention_mask": sizes},
        dynamo=True,
        verbose=False,
    )
    # Shapes of inner values that the quantiser would have to keep right.
    proto = program.model_proto
    del proto.graph.value_info[:]
    onnx.save(without_traces(proto), path)


def accuracy(path, held_out, tokenizer):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    right = {}
    for source, _, text, label in held_out:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        right.setdefault(source, []).append(int(logits[0].argmax()) == label)
    for source, answers in right.items():
        print(f"  {source}: {sum(answers)} of {len(answers)} ({sum(answers) / len(answers):.1%})")
    answers = sum(right.values(), [])
    print(f"{path.name}: {sum(answers)} of {len(answers)} held-out texts right ({sum(answers) / len(answers):.1%})")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("archive", type=Path, help="vaderSentiment-3.3.2.tar.gz")
    parser.add_argument("--full", action="store_true", help="write onnx/model.onnx as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    training, held_out = split(read_texts(options.archive))
    (MODEL / "onnx").mkdir(parents=True, exist_ok=True)
    tokenizer_json = MODEL / "tokenizer.json"
    if not tokenizer_json.exists():
        train_tokenizer([text for _, _, text, _ in training], tokenizer_json)
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenizer.enable_truncation(MAX_TOKENS)
    config = DistilBertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=MAX_TOKENS,
        n_layers=2,
        n_heads=4,
        dim=96,
        hidden_dim=384,
        attention_dropout=0.0,
        seq_classif_dropout=0.1,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )
    config.architectures = ["DistilBertForSequenceClassification"]
    model = train([(tokenizer.encode(text).ids, label) for _, _, text, label in training], config)

    write_json(MODEL / "config.json", {**config.to_diff_dict(), "model_type": "distilbert"})
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    limits = {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "model_max_length": MAX_TOKENS}
    write_json(MODEL / "tokenizer_config.json", {**limits, **names})
    full = MODEL / "onnx" / "model.onnx"
    quantised = MODEL / "onnx" / "model_quantized.onnx"
    export(model, full)
    quantize_dynamic(full, quantised, weight_type=QuantType.QUInt8)
    write_reviews(held_out)
    for path in [full, quantised]:
        accuracy(path, held_out, tokenizer)
    if not options.full:
        full.unlink()


if __name__ == "__main__":
    main()
