"""Names given by users: teams, methods, notes. They are data, never markup and never paths.

Two team names are the same when they differ only in case. A name that looks like another team's
is refused.
"""

from __future__ import annotations

import re
import unicodedata

from challenge.errors import Fault, counted
from challenge.task.look_alikes import LOOK_ALIKES

__all__ = [
    "BASELINE_NAMES",
    "BASELINE_SUFFIX",
    "NAME_LENGTH",
    "clean_text",
    "fold",
    "is_reserved",
    "name_faults",
    "skeleton",
    "slug_of",
]

NAME_LENGTH = 64
BASELINE_NAMES = (
    *("Trivial", "Majority", "Mean", "Linear"),
    *("AutoGluon", "AutoGluonContext", "AutoGluonPC", "AutoGluonPlain"),
    *("UniformPolicy", "LoggingPolicy", "Greedy", "EpsilonGreedy", "LinUCB"),
    *("OldVectors", "NaiveVectors", "ProcrustesVectors", "ClassMeanVectors"),
)
"""The teams of the built-in methods; no participant can take one of these names."""
BASELINE_SUFFIX = " (baseline)"
"""Ends the name of a baseline whose own name a participant has; no participant's name does."""

_RESERVED_NAMES = frozenset(
    {"con", "prn", "aux", "nul", "index", "all"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)}
)

_STROKES = str.maketrans("0Il1|", "ollll")
"""Digits and capitals that look like a circle or a stroke; 5 and S, 8 and B look different."""


def clean_text(text: str) -> str:
    """Return the text in NFC with every run of white space as one blank, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _storable(text: str) -> str:
    """Return the text with lone surrogates escaped, which no database stores."""
    return text.encode(errors="backslashreplace").decode()


def name_faults(text: str, where: str, *, longest: int, required: bool = True) -> list[Fault]:
    """Return what is wrong with a cleaned text: empty, too long, not printable."""
    faults = []
    if required and not any(unicodedata.category(char)[0] in "LN" for char in text):
        faults.append(
            Fault(
                where,
                repr(text),
                "at least one character or digit",
                f"give a {where} that people can read",
                code="name-empty",
            )
        )
    if len(text) > longest:
        faults.append(
            Fault(
                where,
                counted(len(text), "character"),
                f"at most {longest}",
                "shorten it",
                code="name-too-long",
            )
        )
    hidden = sorted({char for char in text if char != " " and not char.isprintable()})
    if hidden:
        faults.append(
            Fault(
                where,
                f"{len(hidden)} invisible characters",
                "printable characters",
                "remove them (controls, direction marks, private and unassigned characters)",
                code="name-not-printable",
                n=len(hidden),
                first=tuple(f"U+{ord(char):04X}" for char in hidden[:5]),
            )
        )
    marks = max((len(run) for run in re.findall(r"[\u0300-\u036f]+", text)), default=0)
    if marks > 2:
        faults.append(
            Fault(
                where,
                f"{marks} accents on one character",
                "at most two",
                "remove them",
                code="name-not-printable",
            )
        )
    return faults


def fold(name: str) -> str:
    """Return the folded form of a name: `Alpha`, `ALPHA` and full-width forms are equal.

    >>> fold("ALPHA  Team") == fold("alpha team")
    True
    """
    text = _storable(clean_text(name))
    return clean_text(unicodedata.normalize("NFKC", text).casefold())


def skeleton(name: str) -> str:
    """Return the form in which names that look alike are equal; never shown.

    >>> skeleton("Раураl") == skeleton("Paypal")
    True
    >>> skeleton("Ow\u04cfs") == skeleton("Owls")
    True
    >>> skeleton("Team 1") == skeleton("Team I") != skeleton("Team 2")
    True
    """
    text = _storable(clean_text(name))
    # Character by character without accents, which are kept: ё looks like ë as е looks like e.
    seen = unicodedata.normalize("NFKD", text).translate(LOOK_ALIKES).translate(_STROKES)
    seen = unicodedata.normalize("NFKD", seen.casefold()).translate(LOOK_ALIKES)
    bare = "".join(
        char for char in seen.translate(_STROKES) if unicodedata.category(char)[0] not in "ZPC"
    )
    return bare.replace("rn", "m").replace("vv", "w")


def is_reserved(name: str) -> bool:
    """Whether a name looks like that of a baseline, so that no participant can take it.

    >>> is_reserved("auto-gluon"), is_reserved("Owls (Baseline)"), is_reserved("Owls")
    (True, True, False)
    """
    seen = skeleton(name)
    return seen.endswith(skeleton(BASELINE_SUFFIX)) or seen in map(skeleton, BASELINE_NAMES)


def slug_of(name: str) -> str:
    """Return an ASCII name for files: lower case, digits, hyphens, at most 40; may be empty.

    >>> slug_of("Équipe <b>Zürich</b>"), slug_of("CON"), slug_of(".."), slug_of("東京")
    ('equipe-b-zurich-b', 'team-con', '', '')
    """
    ascii_text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower())[:40].strip("-")
    return f"team-{slug}" if slug in _RESERVED_NAMES else slug
