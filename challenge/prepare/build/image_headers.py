"""Reads the headers of all images of a task before any is decoded, and names every bad one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenge.errors import TaskError
from challenge.prepare.raw import RawRecords, RawTable
from challenge.task.definition import TaskDefinition
from challenge.task.image_store import ImageStore, add_image_fault
from challenge.task.images import ImageFault
from challenge.task.modalities import modality_of
from challenge.task.raw_values import Faults, text_values

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_image_headers"]


def read_image_headers(
    raw: RawTable | RawRecords, definition: TaskDefinition, images: ImageStore, where: str
) -> None:
    """Let `images` look at every image of the rows that the build will read.

    Raises TaskError with every image that is missing, too large or has no valid header, unless the
    task drops such images.
    """
    names = image_columns(raw, definition)
    if not names:
        return
    faults, others = Faults(where), TaskError(())
    try:
        for batch in raw.batches():
            if "key" in batch.schema.names:
                _look(_labelled(batch), names, images, faults)
    except TaskError as error:
        # Two files of one name, for example: those that could be looked at are named too.
        others = error
    try:
        faults.stop()
    except TaskError as error:
        raise TaskError((*others.faults, *error.faults)) from None
    if others.faults:
        raise others
    images.start()


def image_columns(raw: RawTable | RawRecords, definition: TaskDefinition) -> list[str]:
    """Return the columns of raw batches that hold images."""
    if isinstance(raw, RawRecords):
        columns = [(name, one.modality) for name, one in definition.columns.items()]
    else:
        columns = [(one.name, one.modality) for one in definition.feature_columns()]
    return [name for name, modality in columns if modality_of(modality).is_image]


def _labelled(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow.compute as pc

    if "label" not in batch.schema.names or batch.column("label").null_count == 0:
        return batch
    return batch.filter(pc.is_valid(batch.column("label")))


def _look(batch: pa.RecordBatch, names: list[str], images: ImageStore, faults: Faults) -> None:
    keys = text_values(batch.column("key")).fill_null("").to_pylist()
    for name in names:
        values = batch.column(name).to_pylist() if name in batch.schema.names else []
        for key, value in zip(keys, values, strict=False):
            if not value or not isinstance(value, str | bytes):
                continue
            try:
                images.look(value)
            except ImageFault as problem:
                # Dropped images are listed when their rows are read.
                if not images.drops:
                    add_image_fault(problem, name, key, value, images, faults)
