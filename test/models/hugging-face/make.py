"""Writes small Hugging Face models with random weights, and the predictions that Python's pipelines give for them.

    test/models/hugging-face/<name>/          config.json, tokenizer.json, tokenizer_config.json, onnx/model.onnx, …
    test/models/hugging-face/<name>.json      cases: an input, options, and Python's output
    test/models/hugging-face/tokens.json      texts, and their ids by Python's tokenizers

Run it in the environment of examples/models/requirements-sentiment.txt, from the repository's root:

    python test/models/hugging-face/make.py [name …]

Seeds are fixed. A vocabulary is trained only if the folder has no tokenizer.json, as WordPiece's is not the same twice.
"""

import json
import random
import sys
from pathlib import Path

import onnx
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from PIL import Image
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    CLIPImageProcessorPil,
    ConvNextImageProcessorPil,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    pipeline,
)

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[2] / "examples" / "models"))
from without_traces import without_traces  # noqa: E402

MAX_TOKENS = 48

CORPUS = [
    "The quick brown fox jumps over the lazy dog near the river bank in London.",
    "A wonderful film: the acting is great, the story is moving, and the music is beautiful!",
    "Terrible service, cold food and a rude waiter; we will not come back to this restaurant.",
    "Angela Merkel met Barack Obama in Berlin on Monday, said a spokesman of the United Nations.",
    "Does the battery last? It lasted 3 days, then 2.5 hours, and finally it stopped working...",
    "Café naïve résumé coöperate façade São Paulo Zürich Łódź Москва Ελλάδα",
    "机器学习 很 有趣 東京 で 会い ましょう 한국어 문장",
    "Emoji 😀 👩‍👩‍👧 🇩🇪 and symbols € £ ¥ © ® ™ ½ ∑ are here.",
]

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "A wonderful film!",
    "Terrible service, cold food and a rude waiter; we will not come back.",
    "  spaces   and\ttabs\nand lines  ",
    "Café naïve ÉCLAIR Zürich — “quotes” … and Łódź",
    "机器学习很有趣 東京で会いましょう 한국어",
    "Emoji 😀👩‍👩‍👧🇩🇪 done",
    "a",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "NUL \u0000 and control \u0007 and zero\u200bwidth",
    "3.14159 + 2,718 = $5.86 (approximately) #hashtag @user http://a.b/c?d=e",
    "The [MASK] sat on the [SEP] mat </s> <mask>",
    " ".join(CORPUS[:4]),
    " ".join(["long"] * 200),
]

PAIRS = [
    ("Does the battery last?", "It lasted 3 days."),
    ("a", " ".join(["long answer"] * 60)),
    (" ".join(["long question"] * 60), "b"),
    (" ".join(["long question"] * 60), " ".join(["long answer"] * 60)),
    (" ".join(["seven words"] * 12), " ".join(["of an answer"] * 14)),
]

IMAGES = ["examples/data/digits/digit-0001.png", "test/models/images/coffee.png"]
NLI_LABELS = ["contradiction", "entailment", "neutral"]
NLI = {"id2label": dict(enumerate(NLI_LABELS)), "label2id": {label: place for place, label in enumerate(NLI_LABELS)}}
SPECIAL_BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SPECIAL_ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def word_piece(lowercase=True):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=SPECIAL_BERT)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, lstrip=token == "<mask>", normalized=False, special=True) for token in SPECIAL_ROBERTA]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(__import__("tokenizers").Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=SPECIAL_ROBERTA, unk_token="<unk>")
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


BERT_NAMES = dict(
    pad_token="[PAD]",
    unk_token="[UNK]",
    cls_token="[CLS]",
    sep_token="[SEP]",
    mask_token="[MASK]",
    model_input_names=["input_ids", "token_type_ids", "attention_mask"],
)
ROBERTA_NAMES = dict(
    pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>", bos_token="<s>", eos_token="</s>", mask_token="<mask>"
)


def tokenizer_for(name, make, names, **more):
    """Returns the model's tokenizer; its vocabulary is kept where it exists."""
    folder = HERE / name
    path = folder / "tokenizer.json"
    raw = Tokenizer.from_file(str(path)) if path.exists() else make()
    raw.no_truncation()
    raw.no_padding()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=MAX_TOKENS, **names, **more)
    folder.mkdir(exist_ok=True)
    tokenizer.save_pretrained(folder)
    return tokenizer


def small(config, tokenizer, **more):
    sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    return config(vocab_size=len(tokenizer), initializer_range=0.3, pad_token_id=tokenizer.pad_token_id, **sizes, **more)


class Outputs(torch.nn.Module):
    """Takes the inputs by position, and gives the outputs that are named."""

    def __init__(self, model, inputs, outputs):
        super().__init__()
        self.model, self.inputs, self.outputs = model, inputs, outputs

    def forward(self, *args):
        result = self.model(**dict(zip(self.inputs, args)))
        return tuple(result[name] for name in self.outputs)


def export(name, model, inputs, outputs):
    folder = HERE / name / "onnx"
    folder.mkdir(exist_ok=True)
    sizes = {0: torch.export.Dim("batch_size"), 1: torch.export.Dim("sequence_length", max=MAX_TOKENS)}
    # A tensor each: the exporter takes one that is passed twice for one input.
    args = tuple(torch.ones((2, 8), dtype=torch.int64) for _ in inputs)
    program = torch.onnx.export(
        Outputs(model.eval(), inputs, outputs),
        args,
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes={"args": tuple(sizes for _ in inputs)},
        dynamo=True,
        verbose=False,
    )
    onnx.save(without_traces(program.model_proto), folder / "model.onnx")
    model.config.save_pretrained(HERE / name)


def write(name, cases):
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def classify(name, model, tokenizer, variants, inputs):
    """Runs each input by itself, so that nothing depends on padding."""
    run = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    cases = []
    for options in variants:
        python = {{"topK": "top_k", "functionToApply": "function_to_apply"}[key]: value for key, value in options.items()}
        for value in inputs:
            given = {"text": value[0], "text_pair": value[1]} if isinstance(value, tuple) else value
            output = run(given, truncation=True, **python)
            if "topK" not in options and isinstance(output, list):
                output = output[0]
            cases.append({"input": given, "options": options, "output": output})
    write(name, cases)


def bert_pairs():
    tokenizer = tokenizer_for("bert-pairs", word_piece, BERT_NAMES)
    config = small(BertConfig, tokenizer, max_position_embeddings=MAX_TOKENS, **NLI)
    model = BertForSequenceClassification(config)
    export("bert-pairs", model, ["input_ids", "attention_mask", "token_type_ids"], ["logits"])
    variants = [{}, {"topK": 2}, {"topK": None}, {"functionToApply": "none"}]
    classify("bert-pairs", model, tokenizer, variants, TEXTS + PAIRS)


def roberta_multi_label():
    tokenizer = tokenizer_for("roberta-multi-label", byte_level, ROBERTA_NAMES)
    labels = {0: "joy", 1: "anger", 2: "fear", 3: "surprise"}
    more = dict(problem_type="multi_label_classification", type_vocab_size=1)
    config = small(RobertaConfig, tokenizer, max_position_embeddings=MAX_TOKENS + 2, id2label=labels, **more)
    model = RobertaForSequenceClassification(config)
    export("roberta-multi-label", model, ["input_ids", "attention_mask"], ["logits"])
    classify("roberta-multi-label", model, tokenizer, [{}, {"topK": None}], TEXTS + PAIRS)


def xlmr_reranker():
    tokenizer = tokenizer_for("xlmr-reranker", unigram, ROBERTA_NAMES)
    more = dict(num_labels=1, type_vocab_size=1)
    config = small(XLMRobertaConfig, tokenizer, max_position_embeddings=MAX_TOKENS + 2, **more)
    model = XLMRobertaForSequenceClassification(config)
    export("xlmr-reranker", model, ["input_ids", "attention_mask"], ["logits"])
    classify("xlmr-reranker", model, tokenizer, [{}, {"functionToApply": "none"}], TEXTS + PAIRS)


def zero_shot():
    """The model of bert_pairs, read from its folder."""
    tokenizer = AutoTokenizer.from_pretrained(HERE / "bert-pairs")
    config = small(BertConfig, tokenizer, max_position_embeddings=MAX_TOKENS, **NLI)
    model = BertForSequenceClassification(config)
    export("bert-pairs", model, ["input_ids", "attention_mask", "token_type_ids"], ["logits"])
    run = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
    labels = ["politics", "a film", "long answers about food"]
    cases = []
    for options in [
        {"candidateLabels": labels},
        {"candidateLabels": labels, "multiLabel": True, "hypothesisTemplate": "It is about {}!"},
        {"candidateLabels": labels[:1]},
    ]:
        names = {"candidateLabels": "candidate_labels", "multiLabel": "multi_label", "hypothesisTemplate": "hypothesis_template"}
        python = {names[key]: value for key, value in options.items()}
        cases += [{"input": text, "options": options, "output": run(text, **python)} for text in TEXTS]
    write("bert-zero-shot", cases)


def sentences():
    name = "sentences"
    tokenizer = tokenizer_for(name, word_piece, BERT_NAMES)
    model = BertModel(small(BertConfig, tokenizer, max_position_embeddings=MAX_TOKENS), add_pooling_layer=False).eval()
    model.save_pretrained(HERE / name)
    transformer = Transformer(str(HERE / name), max_seq_length=MAX_TOKENS - 16)
    whole = SentenceTransformer(modules=[transformer, Pooling(32, "mean"), Normalize()], device="cpu")
    vectors = whole.encode(TEXTS, batch_size=1)
    cases = [{"input": text, "options": {}, "output": vector.tolist()} for text, vector in zip(TEXTS, vectors)]
    for pooling, word in [("cls", "cls"), ("max", "max"), ("last", "lasttoken")]:
        other = SentenceTransformer(modules=[transformer, Pooling(32, word)], device="cpu")
        options = {"pooling": pooling, "normalize": False}
        for text, vector in zip(TEXTS, other.encode(TEXTS, batch_size=1)):
            cases.append({"input": text, "options": options, "output": vector.tolist()})
    run = pipeline("feature-extraction", model=model, tokenizer=tokenizer, device="cpu")
    cut = {"truncation": True, "max_length": MAX_TOKENS - 16}
    for text in TEXTS[:4] + TEXTS[-1:]:
        output = run(text, tokenize_kwargs=cut)[0]
        cases.append({"input": text, "options": {"pooling": "none", "normalize": False}, "output": output})
    whole.save_pretrained(str(HERE / name), create_model_card=False)
    export(name, model, ["input_ids", "attention_mask", "token_type_ids"], ["last_hidden_state"])
    # The weights are those of the ONNX file.
    (HERE / name / "model.safetensors").unlink()
    write(name, cases)


def bert_tokens():
    name = "bert-tokens"
    tokenizer = tokenizer_for(name, lambda: word_piece(lowercase=False), BERT_NAMES)
    labels = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
    more = {"id2label": dict(enumerate(labels)), "label2id": {label: place for place, label in enumerate(labels)}}
    model = BertForTokenClassification(small(BertConfig, tokenizer, max_position_embeddings=MAX_TOKENS, **more)).eval()
    export(name, model, ["input_ids", "attention_mask", "token_type_ids"], ["logits"])
    cases = []
    for strategy in ["none", "simple", "first", "average", "max"]:
        run = pipeline(
            "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=strategy, device="cpu"
        )
        for text in TEXTS + CORPUS:
            entities = [{key: plain(value) for key, value in entity.items()} for entity in run(text)]
            cases.append({"input": text, "options": {"aggregationStrategy": strategy}, "output": entities})
    write(name, cases)


def vit():
    name = "vit"
    config = ViTConfig(
        image_size=24,
        patch_size=8,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        initializer_range=0.3,
        id2label={0: "cat", 1: "dog", 2: "bird", 3: "fish"},
        label2id={"cat": 0, "dog": 1, "bird": 2, "fish": 3},
    )
    model = ViTForImageClassification(config).eval()
    folder = HERE / name
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    program = torch.onnx.export(
        Outputs(model, ["pixel_values"], ["logits"]),
        (torch.zeros(2, 3, 24, 24),),
        input_names=["pixel_values"],
        output_names=["logits"],
        dynamic_shapes={"args": ({0: torch.export.Dim("batch_size")},)},
        dynamo=True,
        verbose=False,
    )
    onnx.save(without_traces(program.model_proto), folder / "onnx" / "model.onnx")
    config.save_pretrained(folder)
    processor = ViTImageProcessorPil(size={"height": 24, "width": 24})
    processor.save_pretrained(folder)
    run = pipeline("image-classification", model=model, image_processor=processor, device="cpu")
    cases = []
    for options, python in [({"topK": 2}, {"top_k": 2}), ({"topK": None}, {"top_k": 4})]:
        for image in IMAGES:
            output = run(str(HERE.parents[2] / image), **python)
            cases.append({"input": image, "options": options, "output": output})
    write(name, cases)
    others = [
        processor,
        ViTImageProcessorPil(size={"height": 20, "width": 30}, resample=3, do_rescale=False, do_normalize=False),
        CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 24, "width": 24}),
        ConvNextImageProcessorPil(size={"shortest_edge": 28}, crop_pct=0.875),
    ]
    pixels = []
    for other in others:
        for image in IMAGES:
            values = other(Image.open(HERE.parents[2] / image).convert("RGB"), return_tensors="np")["pixel_values"][0]
            pixels.append({"image": image, "preprocessor": json.loads(other.to_json_string()), "pixels": [round(float(v), 5) for v in values.flatten()]})
    write("vit-pixels", pixels)


def plain(value):
    return value.item() if hasattr(value, "item") else value


MODELS = {
    "vit": vit,
    "bert-tokens": bert_tokens,
    "bert-pairs": bert_pairs,
    "roberta-multi-label": roberta_multi_label,
    "xlmr-reranker": xlmr_reranker,
    "bert-zero-shot": zero_shot,
    "sentences": sentences,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        torch.manual_seed(20)
        random.seed(20)
        MODELS[name]()
        print(name)
