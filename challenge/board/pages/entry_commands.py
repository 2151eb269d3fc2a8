"""The commands by which a reader enters this very challenge: shell and Python, run by a test."""

from __future__ import annotations

import json
import re
from html import escape

from markupsafe import Markup

from challenge.board.markup import clip, folder_name
from challenge.board.pages.page_frame import trusted
from challenge.board.pages.site_context import SiteContext

__all__ = ["answer_text", "code_html", "entry_text", "python_code", "shell_code"]

_WORD = re.compile(r"^(challenge [a-z]+|python|mkdir|cp|import)(?= )", re.M)


def entry_text(context: SiteContext) -> str:
    """Return in one or two sentences where files are handed in, or that no more are taken."""
    if context.snapshot.closed_at is not None:
        return "The contest is over. The folds of train still show what your method scores."
    if context.settings.server:
        return "Files go to the server of this challenge, with the token of your team."
    if context.settings.is_contest():
        return (
            "Files go into the inbox of this challenge: the shared folder that the organiser named."
        )
    return "Files are scored in the directory of this challenge, with all of its labels."


def answer_text(context: SiteContext) -> str:
    """Return in a few sentences when a file is checked and scored, and which tasks show no score.

    Only before the contest is over.
    """
    if context.settings.server or not context.settings.is_contest():
        text = "It is checked and scored before the command returns."
    else:
        text = (
            "The organiser collects the inbox: the file is then checked and scored, and the answer "
            "is written beside it."
        )
    unscored = [clip(context.title(task)) for task in context.tasks() if task in _unscored(context)]
    if not unscored:
        return text
    if len(unscored) == len(context.tasks()):
        return f"{text} No task shows a public score: every score is shown after the close."
    tasks = ", ".join(unscored)
    return f"{text} Without a public score, and shown after the close: {tasks}."


def _unscored(context: SiteContext) -> frozenset[str]:
    snapshot = context.snapshot
    return snapshot.unscored if snapshot.subset == "public" else frozenset()


def shell_code(context: SiteContext, task_id: str) -> str:
    """Return the commands from nothing to an entry, a line each."""
    method, server = context.kind(task_id).first_method, context.settings.server
    closed, contest = context.snapshot.closed_at is not None, context.settings.is_contest()
    file = f"mine/{task_id}/predictions.parquet"
    run = f"challenge run {method} --task {task_id} --to mine"
    lines = [f"python -m zipfile -e {folder_name(task_id)}.zip ."]
    if server:
        lines = [f"challenge login {server}", f"challenge download {task_id}"]
    elif not contest:
        lines = [f"challenge convert {task_id}"]
    if closed:
        scored = f"challenge score --on train {task_id} mine/{task_id}/out-of-fold.parquet"
        return "\n".join([*lines, f"{run} --cv", scored])
    lines += [run, f"challenge check {task_id} {file}"]
    if server:
        lines.append(f"challenge submit {task_id} {file} --method {method}")
    elif contest:
        inbox = f"inbox/Your-Team/{task_id}"
        lines += [f"mkdir -p {inbox}", f"cp {file} {inbox}/{method}.parquet"]
    else:
        lines.append(f"challenge submit {task_id} {file} --team Your-Team --method {method}")
    return "\n".join(lines)


def python_code(context: SiteContext, task_id: str) -> str:
    """Return the same in Python."""
    method, server = json.dumps(context.kind(task_id).first_method), context.settings.server
    closed, contest = context.snapshot.closed_at is not None, context.settings.is_contest()
    name = task_id if not contest else f"{folder_name(task_id)}.zip"
    if server:
        name = f"{server}/tasks/{task_id}"
    lines = ["import challenge as ch", "", f"task = ch.load_task({json.dumps(name)})"]
    if not context.kind(task_id).log_columns:
        lines.append(f"print(ch.run({method}, task, cv=True).score.primary)")
    if closed:
        return "\n".join(lines)
    if server or not contest:
        team = "" if server else ', team="Your-Team"'
        board = f"ch.Board({json.dumps(server or '.')})"
        lines.append(f"predictions = ch.run({method}, task).predictions")
        lines.append(f"print({board}.submit(task, predictions, method={method}{team}))")
    else:
        lines.append(f'print(ch.run({method}, task, to="out").file)  # put it into the inbox')
    return "\n".join(lines)


def code_html(code: str) -> Markup:
    """Return code as HTML, with the command of each line marked."""
    return trusted(_WORD.sub(r'<span class="c">\1</span>', escape(code)))
