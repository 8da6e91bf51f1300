"""A PyTorch module, exported to ONNX: a small convolutional network that reads handwritten digits.

    examples/export/out/pytorch/model.onnx         what examples/export/fabric.config.ts runs
    examples/export/out/pytorch/held-out.jsonl     the digits that it was not trained on
    examples/export/out/pytorch/predictions.jsonl  what PyTorch itself says of them

Run it in an environment with requirements.txt, which lies beside it. The data ships with scikit-learn.
"""

import json
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEED = 20
HELD_OUT = 0.3
EPOCHS = 12
BATCH = 64
OUT = Path(__file__).resolve().parent / "out" / "pytorch"


class DigitClassifier(nn.Module):
    """Images [N, 8, 8] of brightness 0 to 16 in, the probabilities [N, 10] of the digits out."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(16 * 4 * 4, 10),
        )

    def logits(self, pixels):
        # What the model expects of its input is in the model: nobody can forget it at inference.
        return self.layers(pixels.unsqueeze(1) / 16)

    def forward(self, pixels):
        return self.logits(pixels).softmax(dim=1)


def train(classifier, pixels, labels):
    optimizer = torch.optim.Adam(classifier.parameters(), lr=3e-3)
    classifier.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(classifier.logits(pixels[batch]), labels[batch]).backward()
            optimizer.step()
    # From here on dropout is off. A model exported in training mode gives other predictions.
    return classifier.eval()


def export(classifier, path):
    program = torch.onnx.export(
        classifier,
        # Only its shape counts. A batch of one would be taken for a constant.
        (torch.zeros(2, 8, 8),),
        input_names=["pixels"],
        output_names=["probabilities"],
        # Dimension 0 is the batch; batches of any size are then run.
        dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
        dynamo=True,
        verbose=False,
    )
    # One file. Above 2 GB it must be True: the weights then stand beside it, in model.onnx.data, and the two stay together.
    program.save(path, external_data=False)


def write_jsonl(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    torch.manual_seed(SEED)
    # For so small a network more threads are slower.
    torch.set_num_threads(1)
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)
    labels = torch.tensor(data.target)
    rows = range(len(labels))
    training, held_out = train_test_split(rows, test_size=HELD_OUT, stratify=data.target, random_state=SEED)
    classifier = train(DigitClassifier(), images[training], labels[training])

    OUT.mkdir(parents=True, exist_ok=True)
    export(classifier, OUT / "model.onnx")

    ids = [f"digit-{row:04}" for row in held_out]
    with torch.no_grad():
        probabilities = classifier(images[held_out])
    digits = probabilities.argmax(dim=1)
    write_jsonl(OUT / "held-out.jsonl", ({"id": i, "pixels": p} for i, p in zip(ids, images[held_out].tolist())))
    write_jsonl(
        OUT / "predictions.jsonl",
        (
            {"id": i, "prediction": {"digit": d, "probabilities": p}}
            for i, d, p in zip(ids, digits.tolist(), probabilities.tolist())
        ),
    )
    right = int((digits == labels[held_out]).sum())
    print(f"{right} of {len(ids)} held-out digits right ({right / len(ids):.1%})")
