"""MultiModalPredictor itself, offline, on two small networks that the test makes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from challenge.task import Challenge, Task
from challenge.task.frames import read_test, read_train
from examples.multimodal import multimodal


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """Build the made-up task of a new challenge: a text, numbers, a category, an image."""
    root = tmp_path_factory.mktemp("contest") / "c"
    for words in (["init", str(root)], ["-C", str(root), "convert", "parcels"]):
        subprocess.run([sys.executable, "-m", "challenge", *words], check=True)
    return Challenge(root).task("parcels")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the method with `text` (BERT, 2 layers) and `image` (LCNet), weights from a seed."""
    multimodal.import_torchvision()
    import timm
    import torch
    from timm.models._hub import save_for_hf
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    characters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]
    words += [f"##{character}" for character in characters]
    (folder / "text").mkdir()
    (folder / "text" / "vocab.txt").write_text("\n".join(words))
    BertTokenizer.from_pretrained(folder / "text").save_pretrained(folder / "text")
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=len(words), intermediate_size=64, max_position_embeddings=64, **shape
    )
    BertModel(config).save_pretrained(folder / "text")
    network = timm.create_model("lcnet_035", num_classes=10)
    network.pretrained_cfg |= {"input_size": (3, 32, 32), "num_classes": 10}
    save_for_hf(network, folder / "image", safe_serialization=True)
    return folder


def test_two_fits_agree_to_the_last_digit(
    task: Task, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed decides everything."""
    monkeypatch.setattr(multimodal, "CHECKPOINTS", networks)
    rows = read_train(task)
    tables = []
    for _ in range(2):
        method = multimodal.Multimodal(preset="fast", threads=1, seed=3)
        method.fit(rows[:150], task)
        tables.append(method.predict(rows[150:200]))
    assert tables[0].equals(tables[1])
    assert method.summary == "ft_transformer + hf_text + timm_image"
    assert method.details["device"] == "cpu"


def test_it_learns(task: Task, networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The true class is more probable than by the shares of the classes."""
    monkeypatch.setattr(multimodal, "CHECKPOINTS", networks)
    rows = read_train(task)
    train, rest = rows[:1200], rows[1200:1600].reset_index(drop=True)
    method = multimodal.Multimodal(preset="fast", threads=1, seed=3)
    method.fit(train, task)
    found = method.predict(rest)
    shares = train["label"].value_counts(normalize=True)
    gains = [
        np.log(found.loc[row, label] / shares[label]) for row, label in enumerate(rest["label"])
    ]
    assert np.mean(gains) > 0.01


def test_numbers_and_categories_need_no_checkpoint(task: Task) -> None:
    """A table without texts and images needs neither folder nor hub."""
    plain = replace(task, columns=task.columns_of("numeric", "categorical"))
    method = multimodal.Multimodal(preset="fast", threads=1)
    method.fit(read_train(plain), plain)
    found = method.predict(read_test(plain))
    assert list(found.columns) == ["id", *task.classes] and len(found) == task.n_test
    assert method.summary == "ft_transformer"
