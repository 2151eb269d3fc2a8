import hmac
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from challenge.prepare.build.ids import id_strings, keyed_digest, keyed_draws, read_secret

SECRET = bytes(range(32))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.binary(max_size=100))
def test_a_draw_is_hmac_sha256_of_the_key(keys: list[str], secret: bytes) -> None:
    draws = keyed_draws(secret, "row", keys)
    for place, key in enumerate(keys):
        digest = hmac.digest(secret, b"row\0" + key.encode(), "sha256")
        assert digest == keyed_digest(secret, "row", key.encode())
        words = [draws.number, draws.split, draws.place]
        assert b"".join(int(word[place]).to_bytes(8, "big") for word in words) == digest[:24]


@given(st.lists(st.text("a\n\0é", max_size=4)), st.integers(0, 2))
def test_keys_of_an_arrow_array_have_the_draws_of_the_same_list(keys: list[str], cut: int) -> None:
    array = pa.array(["\n"] * cut + keys, pa.string()).slice(cut)
    one, two = (keyed_draws(SECRET, "row", given) for given in (array, keys))
    assert (one.number == two.number).all() and (one.place == two.place).all()
    assert len(one.number) == len(keys)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_the_order_of_ids_is_the_order_of_their_numbers(numbers: list[int]) -> None:
    ids = id_strings(np.array(numbers, dtype=np.uint64), "r").to_pylist()
    assert ids == [f"r{number:016x}" for number in numbers]
    assert sorted(ids) == [f"r{number:016x}" for number in sorted(numbers)]


def test_another_secret_gives_another_order() -> None:
    keys = [str(place) for place in range(100)]
    one, two = (keyed_draws(secret, "row", keys).number for secret in (SECRET, SECRET[::-1]))
    assert np.argsort(one).tolist() != np.argsort(two).tolist()


def test_an_id_tells_nothing_about_the_other_words() -> None:
    draws = keyed_draws(SECRET, "row", [str(place) for place in range(4000)])
    for word in (draws.split, draws.place):
        ranks = np.corrcoef(np.argsort(np.argsort(draws.number)), np.argsort(np.argsort(word)))
        assert abs(ranks[0, 1]) < 0.06


def test_the_secret_is_drawn_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    private = tmp_path / "private"
    secret = read_secret(private, None, "a-task")
    assert len(secret) == 32
    assert read_secret(private, None, "a-task") == secret
    assert private.stat().st_mode & 0o777 == 0o700
    assert (private / "secret").stat().st_mode & 0o777 == 0o600
    assert read_secret(tmp_path / "other", None, "a-task") != secret


def test_a_seed_alone_decides_the_secret(tmp_path: Path) -> None:
    secret = read_secret(tmp_path / "a", 7, "a-task")
    assert read_secret(tmp_path / "b", 7, "a-task") == secret
    assert read_secret(tmp_path / "b", 8, "a-task") != secret
    assert read_secret(tmp_path / "c", 7, "b-task") != secret
