"""MultiModalPredictor itself, offline, on two tiny networks that the tests make."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from challenge.errors import MissingRequirement
from challenge.methods import run_method
from challenge.methods.builtin.autogluon_multimodal import AutoGluonMultimodal, import_torchvision
from challenge.methods.run.runner import MethodRun
from challenge.methods.run.sandbox import sandbox_fault
from challenge.scoring import read_predictions, score_predictions
from challenge.task import Task, sha256_of_file
from challenge.task.frames import read_test, read_train
from tests.toy import build_toy

pytestmark = [pytest.mark.multimodal, pytest.mark.slow]

METHOD = "autogluon-multimodal"


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make `text` (BERT, 2 layers) and `image` (LCNet, with classifier), weights from a seed."""
    import_torchvision()
    import timm
    import torch
    from timm.models._hub import save_for_hf
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    characters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "oak", "elm", "fir", *characters]
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


@pytest.fixture
def offline(networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHALLENGE_TEXT_CHECKPOINT", str(networks / "text"))
    monkeypatch.setenv("CHALLENGE_IMAGE_CHECKPOINT", str(networks / "image"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def run_fast(task: Task, out: Path, **options: Any) -> MethodRun:
    shutil.rmtree(task.cache / "runs", ignore_errors=True)
    return run_method(METHOD, task, out, preset="fast", threads=1, seed=3, **options)


def value_of(task: Task, done: MethodRun) -> float:
    score = score_predictions(task, read_predictions(task, done.predictions), "all")
    value = score.metrics[task.metric].value
    assert value is not None
    return value


@pytest.mark.skipif(sandbox_fault() != "", reason="bubblewrap may not make its sandbox here")
def test_it_learns_offline_and_to_the_last_digit_the_same_behind_sandbox(
    offline: None, tmp_path: Path
) -> None:
    task = build_toy(tmp_path, n=200)
    one = run_fast(task, tmp_path / "one")
    other = run_fast(task, tmp_path / "other", isolation="bwrap")
    assert not other.reused
    assert one.predictions.read_bytes() == other.predictions.read_bytes()
    # Three classes by chance: a third.
    assert value_of(task, one) > 0.6
    details: Any = one.details
    assert one.note == "ft_transformer + hf_text + timm_image"
    assert (details["device"], details["held_out_rows"]) == ("cpu", 28)
    assert details["checkpoints"]["text"]["name"] == "text"
    digests = details["checkpoints"]["image"]["sha256"]
    assert sorted(digests) == ["config.json", "model.safetensors"]
    assert details["versions"]["autogluon.multimodal"] and details["versions"]["torch"]


def test_a_pair_is_one_row_and_the_threshold_comes_from_the_held_out_fold(
    offline: None, tmp_path: Path
) -> None:
    task = build_toy(tmp_path, "matching", n=100)
    done = run_fast(task, tmp_path / "out", time_limit=900)
    found = pq.read_table(done.predictions).to_pydict()
    threshold: Any = done.details["threshold"]
    assert [score >= threshold for score in found["score"]] == [x == 1 for x in found["label"]]
    assert sum(found["label"]) > 0
    # Untrained networks say next to nothing about a pair: how good they are is up to the weights.
    assert value_of(task, done) > 0
    assert done.details["time_limit_s"] == 900


def test_numbers_and_categories_need_no_checkpoint(
    offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHALLENGE_TEXT_CHECKPOINT")
    monkeypatch.delenv("CHALLENGE_IMAGE_CHECKPOINT")
    task = build_toy(tmp_path, n=80)
    task = replace(task, columns=task.columns_of("numeric", "categorical"))
    method = AutoGluonMultimodal(preset="fast", threads=1)
    method.fit(read_train(task), task)
    found = method.predict(read_test(task))
    assert list(found.columns) == ["id", *task.classes] and len(found) == task.n_test
    assert (method.summary, method.details["checkpoints"]) == ("ft_transformer", {})


def test_without_a_checkpoint_and_a_hub_it_says_what_to_set(
    offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHALLENGE_TEXT_CHECKPOINT")
    monkeypatch.delenv("CHALLENGE_IMAGE_CHECKPOINT")
    task = build_toy(tmp_path, n=60)
    with pytest.raises(MissingRequirement) as error:
        run_fast(task, tmp_path / "out")
    text, image = error.value.faults
    assert (text.code, image.code) == ("checkpoint-missing", "checkpoint-missing")
    assert "google/electra-small-discriminator" in text.found
    assert "timm/mobilenetv3_large_100" in image.found
    assert "set CHALLENGE_TEXT_CHECKPOINT" in text.fix
    assert "set CHALLENGE_IMAGE_CHECKPOINT" in image.fix


class Hub(http.server.BaseHTTPRequestHandler):
    """What a model hub answers for one repository: its list of files, and each file."""

    def __init__(self, folder: Path, *arguments: Any) -> None:
        self.folder = folder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        files = sorted(self.folder.iterdir())
        if "/tree/" in self.path:
            tree = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40}
                for file in files
            ]
            self.answer(json.dumps(tree).encode(), "application/json")
        elif self.path.startswith("/api/models/"):
            names = [{"rfilename": file.name} for file in files]
            facts = {"id": "timm/tiny", "sha": "0" * 40, "siblings": names}
            self.answer(json.dumps(facts).encode(), "application/json")
        elif (file := self.folder / Path(self.path).name).is_file():
            self.answer(file.read_bytes())
        else:
            self.send_error(404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def answer(self, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub(networks: Path) -> Iterator[str]:
    handler = functools.partial(Hub, networks / "image")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_hub_that_answers_is_asked_once_and_its_cache_afterwards(
    hub: str, networks: Path, tmp_path: Path
) -> None:
    code = (
        "from challenge.methods.builtin.checkpoints import find_checkpoint\n"
        "found = find_checkpoint('image', 'timm/tiny')\n"
        "print(found.name, found.as_json()['sha256']['model.safetensors'])\n"
    )
    digest = sha256_of_file(networks / "image" / "model.safetensors")

    def ask(**variables: str) -> str:
        # The client reads its variables when it is imported.
        cache = {"HF_HUB_CACHE": str(tmp_path / "hub"), "CHALLENGE_IMAGE_CHECKPOINT": ""}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | cache | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert ask(HF_ENDPOINT=hub) == f"timm/tiny {digest}\n"
    assert ask(HF_HUB_OFFLINE="1") == f"timm/tiny {digest}\n"
