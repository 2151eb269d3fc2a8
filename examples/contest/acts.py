"""Acts before the close, beside the daily attempts: each tests a rule of the contest."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from contest import CLOSES, OPENS, OTHERS, PLAYERS, Contest
from search import find_leaks, hidden_words, label_leaks, loose_figures, read_json
from stage import Answer

__all__ = [
    "break_names",
    "change_rules",
    "fix_labels",
    "meet_the_quota",
    "open_gate",
    "prepare",
    "search_everything",
    "select_finals",
    "use_the_inbox",
    "withdraw_some",
]

_REAL = {"classification": ("icon-tag",), "matching": ("icon-variants", "fodors-zagats")}
_METRICS = {"classification": "macro_f1", "matching": "f1"}
_TITLES = {"classification": "k-way classification", "matching": "Matching of record pairs"}
_SHOWING_SCORES = ("submit", "submissions", "leaderboard", "compare", "rescore")


def prepare(contest: Contest) -> None:
    """Start the directory, declare and build the tasks, correct challenge.toml."""
    stage = contest.stage
    stage.run("init", str(stage.root), says="challenge.toml")
    contest.tracks = {"classification": ["parcels"]}
    _fix_seed(contest, "parcels")
    here = Path(__file__).resolve().parents[2] / "datasets"
    for track, names in {} if contest.small else _REAL.items():
        for name in names:
            if (here / name / "public" / "task.json").is_file():
                contest.copy_task(here / name)
                contest.tracks.setdefault(track, []).append(name)
    if len(contest.tracks["classification"]) == 1:
        _declare_letters(contest)
        contest.tracks["classification"].append("letters")
    built = [name for name in ("parcels", "letters") if name in contest.tasks]
    stage.run("convert", *built, says="built")
    stage.run("convert", built[-1], says="unchanged")
    _write_settings(contest)
    contest.read_truths()
    stage.run("tasks", says="built")
    for task in contest.tasks:
        stage.run("show", task, says="metric")
    path = contest.decisions("parcels", 1.0)
    stage.run("check", "parcels", str(path), says="no faults")
    _submit_refused(contest, "Owls", "parcels", path, fault="not-open")
    stage.hold("before the opening nobody can submit", True)


def _fix_seed(contest: Contest, task: str) -> None:
    # Otherwise the split, and all figures, would depend on a random secret.
    path = contest.challenge.datasets / task / "task.toml"
    path.write_text(path.read_text().replace("[split]", "[split]\nseed = 20260302"))


def _declare_letters(contest: Contest) -> None:
    source, target = (contest.challenge.datasets / name for name in ("parcels", "letters"))
    target.mkdir()
    toml = (source / "task.toml").read_text()
    toml = toml.replace('id = "parcels"', 'id = "letters"').replace("test = 0.4", "test = 0.5")
    title = 'title = "Handling of a character (made up)"'
    (target / "task.toml").write_text(re.sub(r"^title = .*$", title, toml, flags=re.MULTILINE))
    code = (source / "convert.py").read_text()
    code = code.replace("N_ROWS = 3_600", "N_ROWS = 2_200").replace("Random(20)", "Random(21)")
    (target / "convert.py").write_text(code)


def _write_settings(contest: Contest) -> None:
    """Correct the settings that `init` wrote: title, dates, tracks, prizes, roster."""
    path = contest.stage.root / "challenge.toml"
    text = path.read_text()
    text = text.replace('"My challenge"', '"Three weeks in March"')
    text = re.sub(r"^# opens = \S+", f"opens = {OPENS:%Y-%m-%dT%H:%M:%SZ}", text, flags=re.M)
    text = re.sub(r"^closes = \S+", f"closes = {CLOSES:%Y-%m-%dT%H:%M:%SZ}", text, flags=re.M)
    text = text[: text.index("[[track]]")]
    for track, tasks in contest.tracks.items():
        text += (
            f'[[track]]\nid = "{track}"\ntitle = "{_TITLES[track]}"\nkind = "{track}"\n'
            f'metric = "{_METRICS[track]}"\ntasks = {tasks}\n'
            'prize = "A book for each member"\nprize_tie = "split"\n\n'
        )
    for number, name in enumerate((*(player.name for player in PLAYERS), *OTHERS)):
        text += f'[[team]]\nname = "{name}"\nmembers = ["member-{number}@example.org"]\n\n'
    path.write_text(text.replace("'", '"'))


def open_gate(contest: Contest) -> None:
    """Submit the trivial baseline; export the public folder."""
    stage = contest.stage
    stage.run("run", "majority", "--task", "parcels", "--submit", says="macro_f1")
    target = contest.scratch / "parcels.zip"
    stage.run("export", "parcels", "--to", str(target), says="sha256")
    stage.hold("participants get a zip of the public folder", target.is_file())
    _refuse(contest, "close", says="wait")
    stage.hold("a contest cannot be closed before its end", True)


def meet_the_quota(contest: Contest) -> None:
    """Submit until the day's quota is used up, and beyond."""
    stage, task = contest.stage, "parcels"
    left, path = 1, contest.decisions(task, 0.6)
    first = contest.hand_in("Bees", task, path).json()
    left = first["quota_left"]
    again = contest.hand_in("Bees", task, path).json()
    stage.hold(
        "the same file again is reported as identical and costs no quota",
        again["identical_to"] == first["submission"]["id"] and again["quota_left"] == left,
    )
    broken = contest.new_path(".csv")
    broken.write_text("id;label\nx;y\n")
    stage.run("submit", task, str(broken), "--team", "Bees", "--method", "m", code=1)
    while left:
        left = contest.hand_in("Bees", task, contest.decisions(task, 0.6)).json()["quota_left"]
    more = contest.decisions(task, 0.6)
    _submit_refused(contest, "Bees", task, more, fault="quota-day")
    stage.run("withdraw", str(first["submission"]["id"]), "--yes", says="is withdrawn")
    _submit_refused(contest, "Bees", task, more, fault="quota-day")
    stage.hold("the sixth file of a day is refused, also after a withdrawal", True)
    one = contest.hand_in("Bees", contest.tasks[1], contest.decisions(contest.tasks[1], 0.6))
    stage.hold("the quota is counted per task", one.json()["quota_left"] is not None)


def use_the_inbox(contest: Contest) -> None:
    """Collect a good file, a faulty one, one of an unknown team; then the good one renamed."""
    stage, inbox = contest.stage, contest.challenge.inbox
    good, faulty, strange = (
        inbox / "Wolves" / "parcels" / "rules-v2.csv",
        inbox / "狸" / "parcels" / "cut-off.csv",
        inbox / "Crows" / "parcels" / "hello.csv",
    )
    for path, skill in ((good, 0.9), (faulty, 0.8), (strange, 0.8)):
        path.parent.mkdir(parents=True)
        text = contest.decisions("parcels", skill).read_text()
        path.write_text(text[: len(text) // 3] if path is faulty else text)
    done = stage.run("collect", "--json").json()["collected"]
    states = {Path(row["file"]).name: row["status"] for row in done}
    stage.hold(
        "in the inbox the good file is accepted, the cut one refused, the unknown team's one waits",
        states == {good.name: "accepted", faulty.name: "refused", strange.name: "waiting"},
    )
    receipt = read_json(good.with_name(good.name + ".receipt.json"))
    assert isinstance(receipt, dict), receipt
    number = receipt["submission"]["submission"]["id"]
    contest.remember(number, "Wolves", "parcels", good)
    receipt_text = faulty.with_name(faulty.name + ".receipt.txt").read_text()
    stage.hold("a receipt beside the file lists every fault and its fix", "fix:" in receipt_text)
    before = stage.run("submissions", "--json").out
    moved = good.rename(good.with_name("renamed.csv"))
    contest.files[number] = moved
    stage.run("collect")
    stage.hold(
        "a file that was renamed is not scored twice",
        stage.run("submissions", "--json").out == before
        and moved.with_name("renamed.csv.receipt.json").is_file(),
    )


def break_names(contest: Contest) -> None:
    """Try names: unknown, in another case, look-alike; rename a team."""
    stage = contest.stage
    path = contest.decisions("parcels", 0.5)
    _submit_refused(contest, "Crows", "parcels", path, fault="unknown-team")
    _submit_refused(contest, "Оwls", "parcels", path, fault="team-look-alike")
    stage.run("rename", "Herons", "Оwls", code=1, says="fix:")
    stage.hold("a name that looks like another team's is refused", True)
    with _settings_changed(contest, 'name = "Moths"', 'name = "Mоths"\n[[team]]\nname = "Moths"'):
        stage.refused("leaderboard", fault="team-look-alike")
    with _settings_changed(contest, '"member-1@', '"member-0@'):
        stage.refused("leaderboard", fault="member-twice")
    stage.hold("a roster with look-alike names, or one person in two teams, is refused", True)
    stage.run("rename", "Otters", "River Otters", says="River Otters")
    rows = stage.run("submissions", "--team", "river otters", "--json").json()["submissions"]
    stage.hold("a renamed team keeps its history", len(rows) > 0)


def withdraw_some(contest: Contest) -> None:
    """Withdraw a whole team's entries, and the best one of another."""
    stage = contest.stage
    for task in contest.tasks[:2]:
        number = contest.hand_in("Moths", task, contest.decisions(task, 1.2)).json()
        stage.run("withdraw", str(number["submission"]["id"]), "--yes")
    board = contest.build_site("without-moths").json()["tracks"][0]
    stage.hold(
        "a team that withdrew everything is on no board",
        all(row["team"] != "Moths" or row["rank"] is None for row in board["rows"]),
    )
    rows = stage.run("submissions", "--team", "Owls", "--task", "parcels", "--json").json()
    best = next(row for row in rows["submissions"] if row["state"] == "on the board")
    stage.run("withdraw", str(best["id"]), "--yes")
    rows = stage.run("submissions", "--team", "Owls", "--task", "parcels", "--json").json()
    now = [row for row in rows["submissions"] if row["state"] == "on the board"]
    stage.hold(
        "after the withdrawal of the best one the next best counts again",
        all(row["value"] < best["value"] and row["id"] < best["id"] for row in now),
    )


def change_rules(contest: Contest) -> None:
    """Try to change settings that are frozen once the contest is open."""
    stage = contest.stage
    for old, new in (
        ('prize_tie = "split"', 'prize_tie = "earlier"'),
        ('tasks = ["parcels", ', 'tasks = ["parcels", "later", '),
        ('reveal = "contest"', 'reveal = "all"'),
        ("# finals = 2", "finals = 1 #"),
    ):
        with _settings_changed(contest, old, new):
            stage.refused("leaderboard", fault="settings-frozen")
    stage.hold("prize rule, task list, reveal and finals cannot change once it is open", True)
    with _settings_changed(contest, "[limits]", "[limits]\nper_dya = 7"):
        stage.refused("submissions", fault="toml-unknown-key")


def fix_labels(contest: Contest) -> None:
    """Remove twenty faulty test rows from the scores: void, convert, rescore."""
    stage, task = contest.stage, "parcels"
    search_everything(contest)
    toml = contest.challenge.datasets / task / "task.toml"
    draw = np.random.default_rng(3)
    void = sorted(draw.choice(contest.truths[task].ids, 20, replace=False).tolist())
    toml.write_text(toml.read_text().replace("[split]", f"[split]\nvoid = {void}", 1))
    before = stage.run("leaderboard", "--json").json()["tracks"]
    stage.run("convert", task, says="built")
    path = contest.decisions(task, 0.5)
    stage.run("submit", task, str(path), "--team", "Owls", "--method", "m", code=3, says="rescore")
    stage.hold("after a change of the solution nothing is scored before a rescore", True)
    plan = stage.run("rescore", task, "--dry-run", "--json").json()["tasks"]
    same = stage.run("leaderboard", "--json").json()["tracks"]
    stage.hold("a dry run of the rescore changes no board", same == before)
    done = stage.run("rescore", task, "--json").json()["tasks"]
    stage.hold("the rescore does what its dry run showed", done[0]["rows"] == plan[0]["rows"])
    stage.hold("every old submission is scored on the new task", not done[0]["unscorable"])
    stage.run("rescore", says="unchanged")
    after = stage.run("leaderboard", "--json").json()["tracks"]
    stage.hold("the board is of the corrected solution", after != before)


def select_finals(contest: Contest) -> None:
    """Let two teams choose their finals, one of them too many."""
    stage = contest.stage
    for team, wanted in (("Owls", 3), ("Herons", 1)):
        for _ in range(wanted):
            contest.hand_in(team, "parcels", contest.decisions("parcels", 1.0))
        rows = stage.run("submissions", "--team", team, "--task", "parcels", "--json").json()
        free = [row["id"] for row in rows["submissions"] if row["state"] != "withdrawn"]
        for index, number in enumerate(free[-wanted:]):
            refused = index == 2
            stage.run(
                "select",
                str(number),
                code=1 if refused else 0,
                says="at most 2" if refused else "selected now",
            )
        if wanted == 3:
            stage.run("select", str(free[-3]), "--undo", says="selected now")
            stage.run("select", str(free[-1]), says="selected now")
    _refuse(contest, "select", "1000000", code=2, says="fix")
    stage.hold("a team selects two finals on a task and no third", True)


def search_everything(contest: Contest) -> None:
    """Run every reading command, then search all output and public files for the private subset."""
    stage = contest.stage
    contest.build_site("searched")
    released = _ask_everything(contest)
    texts = {
        f"answer {index} of {' '.join(answer.words)}": answer.out + answer.err
        for index, answer in enumerate(stage.answers)
    }
    publics = [contest.challenge.datasets / task / "public" for task in contest.tasks]
    folders = [contest.site, contest.challenge.inbox, *publics]
    leaks: list[str] = []
    n_words = 0
    for name in contest.tasks:
        task = contest.challenge.task(name)
        files = {key: path for key, path in contest.files.items() if contest.owners[key][1] == name}
        words = hidden_words(task, files)
        n_words += len(words)
        leaks += find_leaks(words, folders, texts)
        leaks += label_leaks(task, contest.site)
    for path in sorted(contest.site.rglob("*.json")):
        leaks += loose_figures(str(path.relative_to(contest.site)), read_json(path))
    for answer in stage.answers:
        if answer.words[0] in _SHOWING_SCORES and "--json" in answer.words:
            leaks += loose_figures(" ".join(answer.words), answer.json())
    assert not leaks, "\n".join(["the private subset is visible:", *leaks[:40]])
    stage.hold(
        f"{n_words:,} hidden figures appear nowhere in {len(texts)} answers and the public files;"
        f" only {released} released submissions show a figure",
        True,
    )


def _ask_everything(contest: Contest) -> int:
    """Run every command that reads; return how many submissions show a figure."""
    stage = contest.stage
    for task in contest.tasks:
        stage.run("show", task, "--json")
        stage.run("submissions", "--task", task)
    stage.run("tasks", "--json")
    stage.run("leaderboard")
    stage.run("verify", "--json")
    stage.run("close", "--dry-run", "--seed", "5", "--json")
    rows = stage.run("submissions", "--json").json()["submissions"]
    shown = [row for row in rows if row["value"] is not None]
    hidden = [row for row in rows if row["value"] is None and row["state"] == "not released"]
    pair = [row for row in shown if row["task"] == "parcels"][:2]
    stage.run("compare", *(str(row["id"]) for row in pair), "--json")
    stage.run("compare", *(str(row["id"]) for row in pair))
    same = next(row for row in shown if row["task"] == hidden[0]["task"])
    stage.refused("compare", str(same["id"]), str(hidden[0]["id"]), fault="not-released")
    return len(shown)


def _submit_refused(contest: Contest, team: str, task: str, path: Path, *, fault: str) -> Answer:
    words = ("submit", task, str(path), "--team", team, "--method", "by hand")
    return contest.stage.refused(*words, fault=fault)


def _refuse(contest: Contest, *words: str, says: str, code: int = 1) -> Answer:
    return contest.stage.run(*words, code=code, says=says)


class _settings_changed:  # noqa: N801
    """Changes challenge.toml while a block runs."""

    def __init__(self, contest: Contest, old: str, new: str) -> None:
        self._path = contest.stage.root / "challenge.toml"
        self._text = self._path.read_text()
        assert old in self._text, old
        self._changed = self._text.replace(old, new, 1)

    def __enter__(self) -> None:
        self._path.write_text(self._changed)

    def __exit__(self, *_: object) -> None:
        self._path.write_text(self._text)
