"""Simple features of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from challenge.features.simple_images import hog, open_image, simple_images
from challenge.task import Task
from tests.toy import build_toy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("images"), n=40)


def save(task: Task, name: str, image: Image.Image) -> str:
    image.save(task.public / "images" / name)
    return f"images/{name}"


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(path)
    assert open_image(path).getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_mode_of_a_image_is_read(task: Task, mode: str) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    value = save(task, f"mode{mode.replace(';', '')}.{suffix}", Image.new(mode, (20, 10)))
    assert simple_images(task, [value]).thumb.shape == (1, 192)


def test_a_missing_image_is_zeros_and_said_so(task: Task) -> None:
    some = save(task, "some.png", Image.new("RGB", (9, 9), (10, 200, 30)))
    found = simple_images(task, [some, ""])
    assert found.present.tolist() == [True, False]
    assert found.joined()[1].max() == 0
    assert found.joined()[0].max() > 0


def test_colours_stand_in_the_histogram(task: Task) -> None:
    red = save(task, "red.png", Image.new("RGB", (16, 16), (255, 0, 0)))
    histogram = simple_images(task, [red]).colour[0]
    assert histogram[3 * 16] == 1
    assert histogram.sum() == 1


def test_ink_is_what_differs_from_the_border(task: Task) -> None:
    image = Image.new("RGB", (64, 64), (255, 255, 255))
    image.paste((0, 0, 0), (16, 16, 48, 48))
    ink = simple_images(task, [save(task, "ink.png", image)]).ink[0].reshape(32, 32)
    assert ink[8:24, 8:24].min() == 1
    assert ink.sum() == 16 * 16


def test_a_flat_image_has_no_gradients() -> None:
    assert hog(np.full((64, 64), 0.5, np.float32)).max() == 0


def test_a_vertical_edge_speaks_in_one_direction() -> None:
    grey = np.zeros((64, 64), np.float32)
    grey[:, 32:] = 1
    cells = hog(grey).reshape(7, 7, 4, 8)
    assert cells[..., 0].max() > 0
    assert cells[..., 1:].max() == 0
