"""All checks of the audit, one after the other, on a built task."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from challenge.prepare.audit.report import SEVERITIES, AuditReport, Finding

__all__ = ["audit_task"]


def _silent(_: str) -> None:
    return None


def audit_task(
    public: Path,
    private: Path,
    *,
    document: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = _silent,
) -> AuditReport:
    """Return everything suspicious of a built task; writes nothing.

    `document` is the content of task.json (id, kind, columns, classes, sources, split); without
    it `public/task.json` is read. Near copies are looked for among the first rows of each side
    (ids are random, so they are a sample) and `notes` say so where a table is larger.
    """
    from challenge.prepare.audit import copies, probes, tells
    from challenge.prepare.audit import pair_checks as pairs
    from challenge.prepare.audit import side_differences as sides
    from challenge.prepare.audit.image_facts import look_at_images
    from challenge.prepare.audit.subject import read_subject

    if document is None:
        document = json.loads((public / "task.json").read_bytes())
    assert document is not None
    subject = read_subject(public, private, document, progress)
    progress("audit: looking for copies")
    found: list[Finding] = [*copies.identical_rows(subject), *copies.contradictions(subject)]
    texts, text_notes = copies.near_identical_texts(subject)
    images = look_at_images(subject, progress)
    near_images, image_notes = copies.near_identical_images(subject, images)
    found += [*texts, *near_images]
    found += [
        *copies.near_identical_short_texts(subject),
        *copies.copies_but_for_one_column(subject),
    ]
    # Test has other things than train: no rule that predicts the ones of train names them.
    if not subject.kind.has_things:
        progress("audit: looking for what predicts the label")
        found += [
            *tells.telling_columns(subject),
            *tells.telling_order(subject),
            *tells.telling_files(subject, images),
            *tells.labels_in_text(subject),
        ]
        sample = probes.read_sample(subject)
        found += [
            *probes.telling_forms(subject, sample),
            *probes.telling_missing(subject, sample),
            *probes.telling_characters(subject, sample),
            *probes.telling_columns_together(subject, sample),
            *probes.telling_pixels(subject, sample, images),
        ]
    if subject.kind.paired:
        progress("audit: closing training pairs")
        found += [
            *tells.telling_agreement(subject),
            *pairs.seen_records(subject),
            *pairs.pairs_by_transitivity(subject),
            *pairs.self_pairs(subject),
        ]
    found += [
        *sides.missing_classes(subject),
        *sides.shifted_sides(subject),
        *sides.unstated_licences(subject),
    ]
    found.sort(key=lambda finding: (SEVERITIES.index(finding.severity), finding.name))
    return AuditReport(str(document["id"]), tuple(found), (*text_notes, *image_notes))
