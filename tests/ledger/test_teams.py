"""Names of teams: data, unique to the eye, safe as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenge.errors import SubmissionError, TaskError
from challenge.ledger import Ledger, open_ledger, read_snapshot, rename_team, submit
from challenge.ledger.submissions.names import clean_text, fold, skeleton, slug_of
from challenge.task.settings import read_settings
from tests.ledger.toy import BENCHMARK, make_challenge, write_hits


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(make_challenge(tmp_path / "c", BENCHMARK.replace("= 5", "= 50")))


def hand_in(ledger: Ledger, tmp_path: Path, team: str, salt: int = 1, note: str = "") -> str:
    task = ledger.challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 30, salt=salt)
    receipt = submit(ledger, task, path, team=team, method="m | <b>", note=note)
    return receipt.team.slug


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paypal", "Pаураl"),  # Cyrillic a, y, p
        ("Alpha", "ΑLPHA"),  # Greek capital alpha
        ("Team 10", "Team lO"),
        ("Modern", "Modem"),
        ("Deep Learners", "DeepLearners"),
        ("café", "cafe\u0301"),
        ("A-Team", "A–Team"),
        ("Wide", "Ｗｉｄｅ"),
    ],
)
def test_names_that_look_alike_are_one_or_refused(
    ledger: Ledger, tmp_path: Path, one: str, other: str
) -> None:
    hand_in(ledger, tmp_path, one)
    if fold(one) == fold(other):
        hand_in(ledger, tmp_path, other, salt=2)
    else:
        with pytest.raises(SubmissionError, match="does not look like"):
            hand_in(ledger, tmp_path, other, salt=2)
    assert len(read_snapshot(ledger).teams) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "Adam"), ("été", "ete"), ("Team 1", "Team 2"), ("Δ", "A")]
)
def test_names_that_differ_to_the_eye_are_two(
    ledger: Ledger, tmp_path: Path, one: str, other: str
) -> None:
    assert hand_in(ledger, tmp_path, one) != hand_in(ledger, tmp_path, other, salt=2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("АВСЕНКМОРТХ", "ABCEHKMOPTX"),
        ("аеорсухіјѕԁԛԝһѵ", "aeopcyxijsdqwhv"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
        ("ανοριυγκχ", "avopiuykx"),
        ("Ёлка", "Ëлкa"),
        ("O0 Il1|", "00 1111"),
        ("ЗooӠ", "3003"),
        ("Æther", "AEther"),
        ("ᎪᎻ", "AH"),
        ("modern", "modem"),
    ],
)
def test_characters_of_other_scripts_and_digits_that_look_alike_are_one(
    one: str, other: str
) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Team 5", "Team S"), ("Team 8", "Team B"), ("Жук", "Зук"), ("Σ", "E")]
)
def test_what_can_be_told_apart_stays_apart(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("<script>alert(1)</script>", "script-alert-1-script"),
        ("=1+1", "1-1"),
        ("CON", "team-con"),
        ("../../etc", "etc"),
        ("東京", "team-1"),
        ("a|b\nc", "a-b-c"),
        ("x" * 64, "x" * 40),
    ],
)
def test_any_printable_name_is_data_and_its_slug_a_safe_file_name(
    ledger: Ledger, tmp_path: Path, name: str, slug: str
) -> None:
    assert hand_in(ledger, tmp_path, name, note="<img onerror=x> | =cmd()") == slug
    team = read_snapshot(ledger).teams[1]
    assert team.name == clean_text(name)


@pytest.mark.parametrize("name", ["", ".", "..", " \n ", "\u202eevil", "a\x00b", "x" * 65, "🦉"])
def test_names_that_cannot_be_shown_are_refused(ledger: Ledger, tmp_path: Path, name: str) -> None:
    with pytest.raises(SubmissionError, match=r"^team: "):
        hand_in(ledger, tmp_path, name)


def test_a_rename_keeps_history_and_the_old_name(ledger: Ledger, tmp_path: Path) -> None:
    hand_in(ledger, tmp_path, "Ada")
    hand_in(ledger, tmp_path, "Bob", salt=2)
    before = read_snapshot(ledger)
    rename_team(ledger, "ADA", "Lovelace")
    with pytest.raises(SubmissionError, match="does not look like"):
        rename_team(ledger, "Bob", "ada")
    with pytest.raises(SubmissionError, match="does not look like"):
        rename_team(ledger, "Bob", "Lovelаce")
    assert hand_in(ledger, tmp_path, "ada", salt=3) == "ada"
    after = read_snapshot(ledger)
    assert [team.name for team in after.teams.values()] == ["Lovelace", "Bob"]
    assert after.teams[1].slug == "ada"
    assert before.at is not None
    assert read_snapshot(ledger, before.at).teams[1].name == "Ada"
    assert rename_team(ledger, "lovelace", "Ada").name == "Ada"


@given(st.text(max_size=80))
def test_slugs_are_plain_or_empty(name: str) -> None:
    slug = slug_of(clean_text(name))
    assert slug == "" or (slug.isascii() and slug.strip("-") == slug and "/" not in slug)
    assert slug.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert len(slug) <= 45


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_and_case_never_matters(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert skeleton(clean_text(name)) == skeleton(name)


@pytest.mark.parametrize("other", ["House", "HOUSE", "H0use", "Ηouse", "hou se"])
def test_a_team_does_not_stop_a_baseline_of_its_name(
    ledger: Ledger, tmp_path: Path, other: str
) -> None:
    hand_in(ledger, tmp_path, other)
    task = ledger.challenge.task("toy")
    path = write_hits(task, tmp_path / "x.csv", 20, salt=2)
    for method in ("m", "n"):
        receipt = submit(ledger, task, path, team="House", method=method, baseline=True)
        assert receipt.team.name == "House (baseline)" and receipt.team.baseline
    assert len(read_snapshot(ledger).teams) == 2


@pytest.mark.parametrize("name", ["House (baseline)", "House [Baseline]", "ΗOUSE basеline"])
def test_no_team_takes_the_name_of_such_a_baseline(
    ledger: Ledger, tmp_path: Path, name: str
) -> None:
    with pytest.raises(SubmissionError, match="cannot be confused with a baseline"):
        hand_in(ledger, tmp_path, name)


def with_roster(ledger: Ledger, *names: str) -> None:
    """Declare a roster in challenge.toml, and read it."""
    path = ledger.challenge.root / "challenge.toml"
    teams = "".join(f'[[team]]\nname = "{name}"\n' for name in names)
    path.write_text(f"{path.read_text()}\n{teams}")
    ledger.settings = read_settings(ledger.challenge.root)


def test_a_look_alike_from_before_does_not_lock_a_team_out_of_the_roster(
    ledger: Ledger, tmp_path: Path
) -> None:
    hand_in(ledger, tmp_path, "A1pha")
    with_roster(ledger, "Alpha")
    assert hand_in(ledger, tmp_path, "Alpha", salt=2) == "alpha"
    hand_in(ledger, tmp_path, "Alpha", salt=3)
    with pytest.raises(SubmissionError, match="of the roster"):
        hand_in(ledger, tmp_path, "A1pha", salt=4)


def test_no_team_is_renamed_to_look_like_one_of_the_roster(ledger: Ledger, tmp_path: Path) -> None:
    with_roster(ledger, "Alpha", "Beta")
    hand_in(ledger, tmp_path, "Beta")
    with pytest.raises(SubmissionError, match="does not look like 'Alpha'"):
        rename_team(ledger, "Beta", "A1pha")


@pytest.mark.parametrize("name", ["AutoGluon", "Iinear", "Owls (baseline)"])
def test_a_roster_has_no_name_of_a_baseline(ledger: Ledger, tmp_path: Path, name: str) -> None:
    with_roster(ledger, name)
    with pytest.raises(TaskError, match="cannot be confused with a baseline"):
        hand_in(ledger, tmp_path, "Owls")
