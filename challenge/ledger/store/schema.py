"""The tables of the ledger. Rows are only added; the newest one is in force.

Times are microseconds since 1970 in UTC. Vectors have a table of their own, so that no query for a
page reads them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "LEDGER_FORMAT",
    "UNCHAINED",
    "actions",
    "arrivals",
    "baseline_scores",
    "cards",
    "closes",
    "confusion_counts",
    "facts",
    "failed_runs",
    "failures",
    "finals",
    "groupings",
    "links",
    "metadata",
    "replicates",
    "right_rows",
    "scores",
    "scoring_versions",
    "selections",
    "settings",
    "submissions",
    "team_names",
    "teams",
    "token_revocations",
    "token_uses",
    "tokens",
    "vectors",
    "withdrawals",
]

LEDGER_FORMAT = 8
"""A ledger of the three formats before is brought over by `challenge rescore`."""

metadata = MetaData()


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _at() -> Column[int]:
    return Column("at", BigInteger, nullable=False)


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    _id(),
    _at(),
    Column("document", Text, nullable=False),
)
"""Each version of challenge.toml, as JSON."""

cards = Table(
    "cards",
    metadata,
    _id(),
    _at(),
    *_texts("task", "data_digest", "solution_digest", "card_digest", "task_json", "card_json"),
    Index("cards_by_task", "task", "id"),
)

scoring_versions = Table(
    "scoring_versions",
    metadata,
    _id(),
    _at(),
    *_texts("task", "data_digest", "solution_digest"),
    Column("scorer_version", Integer, nullable=False),
    Column("n_public", Integer, nullable=False),
    Index("scoring_versions_by_task", "task", "id"),
)
"""Scores of one scoring version are comparable; the newest version of a task is current."""

baseline_scores = Table(
    "baseline_scores",
    metadata,
    _id(),
    _at(),
    Column("scoring_version", Integer, ForeignKey("scoring_versions.id"), nullable=False),
    Column("subset", Text, nullable=False),
    Column("value", Float),
    Index("baseline_scores_by_scoring_version", "scoring_version", "subset"),
)
"""Score of the trivial method."""

teams = Table(
    "teams",
    metadata,
    _id(),
    _at(),
    Column("slug", Text, nullable=False, unique=True),
    Column("baseline", Boolean, nullable=False),
)

team_names = Table(
    "team_names",
    metadata,
    _id(),
    _at(),
    Column("team", Integer, ForeignKey("teams.id"), nullable=False),
    *_texts("name", "folded", "skeleton"),
    Index("team_names_by_team", "team", "id"),
    Index("team_names_by_folded", "folded"),
    Index("team_names_by_skeleton", "skeleton"),
)
"""Every name that a team has had; another team can never take it."""

submissions = Table(
    "submissions",
    metadata,
    _id(),
    _at(),
    Column("team", Integer, ForeignKey("teams.id"), nullable=False),
    *_texts("task", "method", "note", "sha256", "content"),
    *_texts("file_sha256", "form", "details", "notes"),
    Column("baseline", Boolean, nullable=False),
    Column("isolation", Text, nullable=False),
    Index("submissions_by_team", "team", "task", "at"),
    Index("submissions_by_content", "task", "sha256"),
    Index("submissions_by_file", "file_sha256"),
    Index("submissions_of_board", "at", "team", "task"),
)
"""`sha256` names the stored file, `content` is the digest of its values."""

scores = Table(
    "scores",
    metadata,
    _id(),
    _at(),
    Column("submission", Integer, ForeignKey("submissions.id"), nullable=False),
    Column("scoring_version", Integer, ForeignKey("scoring_versions.id"), nullable=False),
    *_texts("subset", "metric"),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("public_value", Float),
    Column("released", Boolean, nullable=False),
    Column("step", Float, nullable=False),
    Column("n", Integer, nullable=False),
    Column("n_clusters", Integer, nullable=False),
    Column("grouping_hash", Text, nullable=False),
    Column("resolution", Float),
    *_texts("metrics", "diagnostics"),
    UniqueConstraint("submission", "scoring_version", "subset", name="scored_once"),
    # A covering index for the query of a whole board, which avoids reading the wide rows.
    Index(
        "scores_of_board",
        *("scoring_version", "subset", "submission", "at", "value", "low", "high"),
        *("public_value", "released", "step"),
    ),
    Index("scores_by_submission", "submission", "id"),
    Index("scores_by_time", "at"),
)
"""`public_value` is the score that the Ladder released, `step` its step (0: no Ladder)."""

replicates = Table(
    "replicates",
    metadata,
    Column("score", Integer, ForeignKey("scores.id"), primary_key=True, autoincrement=False),
    Column("vector", LargeBinary, nullable=False),
)
"""Of scorer versions before 4; kept because the hash chain covers them."""

vectors = Table(
    "vectors",
    metadata,
    Column("score", Integer, ForeignKey("scores.id"), primary_key=True, autoincrement=False),
    Column("vector", LargeBinary, nullable=False),
)

confusion_counts = Table(
    "confusion_counts",
    metadata,
    Column("score", Integer, ForeignKey("scores.id"), primary_key=True, autoincrement=False),
    Column("counts", LargeBinary, nullable=False),
)
"""Rows by true and predicted class; never of a public subset."""

right_rows = Table(
    "right_rows",
    metadata,
    Column("score", Integer, ForeignKey("scores.id"), primary_key=True, autoincrement=False),
    Column("packed", LargeBinary, nullable=False),
)
"""Which rows a submission has right, a bit a row; never of a public subset, and never shown."""

groupings = Table(
    "groupings",
    metadata,
    _id(),
    Column("scoring_version", Integer, ForeignKey("scoring_versions.id"), nullable=False),
    Column("subset", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("groupings_by_scoring_version", "scoring_version", "subset"),
)
"""The clusters of those rows, once for all submissions; as secret as the vectors."""

failures = Table(
    "failures",
    metadata,
    _id(),
    _at(),
    *_texts("folded", "task", "file_sha256", "faults"),
    Index("failures_by_team", "folded", "task", "at"),
)
"""Files that were refused for their content; the team may not exist yet, so by folded name."""

failed_runs = Table(
    "failed_runs",
    metadata,
    _id(),
    _at(),
    *_texts("folded", "task", "data_digest", "method", "code"),
)
"""Runs of a method that ended without a file to score; the team may not exist yet."""

withdrawals = Table(
    "withdrawals",
    metadata,
    _id(),
    _at(),
    Column("submission", Integer, ForeignKey("submissions.id"), nullable=False, unique=True),
)

selections = Table(
    "selections",
    metadata,
    _id(),
    _at(),
    Column("submission", Integer, ForeignKey("submissions.id"), nullable=False),
    Column("chosen", Boolean, nullable=False),
    Index("selections_by_submission", "submission", "id"),
)

closes = Table(
    "closes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _at(),
)
"""At most one row, of id 1: the close cannot be undone."""

finals = Table(
    "finals",
    metadata,
    _id(),
    Column("close", Integer, ForeignKey("closes.id"), nullable=False),
    Column("team", Integer, ForeignKey("teams.id"), nullable=False),
    Column("task", Text, nullable=False),
    Column("submission", Integer, ForeignKey("submissions.id"), nullable=False, unique=True),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    _at(),
    Column("team", Integer, ForeignKey("teams.id")),
    *_texts("name", "hash", "scopes"),
    Column("expires", BigInteger),
    UniqueConstraint("hash", name="token_once"),
)
"""Tokens of the server by the SHA-256 of their text; `team` is null for the organiser's."""

token_revocations = Table(
    "token_revocations",
    metadata,
    _id(),
    _at(),
    Column("token", Integer, ForeignKey("tokens.id"), nullable=False, unique=True),
)

token_uses = Table(
    "token_uses",
    metadata,
    Column("token", Integer, ForeignKey("tokens.id"), primary_key=True, autoincrement=False),
    _at(),
)
"""When each token was last used, to the minute. Rows change, so no link covers them."""

actions = Table(
    "actions",
    metadata,
    _id(),
    _at(),
    Column("token", Integer, ForeignKey("tokens.id")),
    *_texts("what", "address", "request"),
    Column("arrived", BigInteger, nullable=False),
    Column("submission", Integer, ForeignKey("submissions.id"), nullable=False),
    Column("key", Text, unique=True),
    Column("file_sha256", Text),
)
"""Who did what through the server, from where; written in the transaction of what was done.

`key` names one upload, so that a repeated upload gets the same receipt.
"""

arrivals = Table(
    "arrivals",
    metadata,
    _id(),
    _at(),
    Column("team", Integer, ForeignKey("teams.id"), nullable=False),
    Column("token", Integer, ForeignKey("tokens.id"), nullable=False),
    *_texts("task", "method", "note", "address", "request", "file", "file_sha256"),
    Column("key", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("claimed", BigInteger),
    Column("lease", BigInteger),
    Column("worker", Text),
    Column("outcome", Text),
    Index("arrivals_by_state", "state", "team", "id"),
    Index("arrivals_by_team", "team", "claimed"),
)
"""Files that the server has received whole and that wait for their score, or have it.

`at` is when the whole body had arrived. Rows change and are removed, so no link covers them.
"""

links = Table(
    "links",
    metadata,
    _id(),
    *_texts("table", "hash"),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)
"""The hash chain: a link covers the rows of one table that one transaction added."""

UNCHAINED = (facts, links, token_uses, arrivals)
"""Tables without links of the hash chain."""
