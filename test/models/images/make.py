"""Makes the images of this folder, and what torchvision's ImageNet transform makes of them.

    python3.11 -m venv venv
    venv/bin/pip install pillow==12.3.0 numpy==2.4.6 scikit-image==0.26.0 opencv-python-headless==5.0.0.93
    venv/bin/python make.py

The photographs are those of scikit-image (skimage/data): chelsea (Stefan van der Walt, CC0), coffee (Rachel Michetti,
CC0), rocket (SpaceX, public domain), astronaut (NASA, public domain).

`Resize` of torchvision calls Pillow's `resize` for a PIL image (torchvision/transforms/_functional_pil.py), so that
Pillow alone gives its samples. The size and the place of the crop follow `_compute_resized_output_size` and
`center_crop` (torchvision/transforms/functional.py, 0.29). Pillow 13 gives the same for these images; it resizes an
image of another ratio along its columns first if its height shrinks much more than its width. Without antialiasing the samples are OpenCV's.
"""

import json
import pathlib

import cv2
import numpy
import skimage
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
PHOTOS = pathlib.Path(skimage.__file__).parent / "data"
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}


def photo(name):
    # Without its metadata: a colour profile would be applied by one reader and ignored by the other.
    return Image.fromarray(numpy.asarray(Image.open(PHOTOS / name).convert("RGB")))


def with_alpha(image):
    width, height = image.size
    alpha = numpy.add.outer(numpy.arange(height) * 5, numpy.arange(width) * 3) % 256
    return Image.merge("RGBA", [*image.split(), Image.fromarray(alpha.astype(numpy.uint8))])


def sources():
    """Yields the name of a file, its image, and options of the encoder."""
    yield "cat.jpg", photo("chelsea.png"), {"quality": 80}
    yield "coffee.png", photo("coffee.png").crop((250, 120, 311, 217)), {"optimize": True}
    yield "rocket.jpg", photo("rocket.jpg").crop((230, 130, 380, 243)), {"quality": 90, "subsampling": 0, "progressive": True}
    yield "grey.jpg", photo("astronaut.png").crop((180, 50, 276, 146)).convert("L"), {"quality": 90}
    yield "small.png", photo("coffee.png").crop((300, 200, 340, 231)), {"optimize": True}
    yield "alpha.png", with_alpha(photo("chelsea.png").crop((120, 80, 170, 120))), {"optimize": True}


# Shortest side and side of the crop. The offsets of coffee.png, 2.5 and 12, and of grey.jpg, 0.5, are rounded to even.
CASES = [
    ("cat.jpg", 64, 56),
    ("cat.jpg", 20, 16),
    ("coffee.png", 33, 28),
    ("rocket.jpg", 40, 40),
    ("grey.jpg", 32, 31),
    ("small.png", 64, 56),
    ("small.png", 31, 24),
    ("alpha.png", 32, 24),
]


def resized_size(size, shortest):
    short, long = min(size), max(size)
    other = int(shortest * long / short)
    return (shortest, other) if size[0] <= size[1] else (other, shortest)


def center_crop(image, side):
    width, height = image.size
    left, top = int(round((width - side) / 2.0)), int(round((height - side) / 2.0))
    return image.crop((left, top, left + side, top + side))


cases = []


def add(image, source, case):
    name = "-".join([source.replace(".", "-"), str(case["shortest"]), case["filter"]])
    name = f"expected/{name}.png" if case["antialias"] else f"expected/{name}-plain.png"
    image.save(FOLDER / name, optimize=True)
    cases.append({"source": source, **case, "expected": name})


(FOLDER / "expected").mkdir(exist_ok=True)
for name, image, options in sources():
    image.save(FOLDER / name, **options)
for source, shortest, crop in CASES:
    image = Image.open(FOLDER / source).convert("RGB")
    size = resized_size(image.size, shortest)
    for filter, number in FILTERS.items():
        case = {"shortest": shortest, "crop": crop, "filter": filter, "antialias": True}
        add(center_crop(image.resize(size, number), crop), source, case)
    plain = cv2.resize(numpy.asarray(image), size, interpolation=cv2.INTER_LINEAR)
    case = {"shortest": shortest, "crop": crop, "filter": "bilinear", "antialias": False}
    add(center_crop(Image.fromarray(plain), crop), source, case)
(FOLDER / "cases.json").write_text(json.dumps(cases, indent=2) + "\n")
