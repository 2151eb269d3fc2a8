"""What a task is: columns, definition, the standard form, and the registry of tasks."""

from challenge.task.columns import RESERVED, Column, Side
from challenge.task.files import atomic_file, dump_json, read_json, sha256_of_file, write_atomically
from challenge.task.modalities import MODALITIES, Modality, modality_of
from challenge.task.registry import (
    Challenge,
    find_challenge,
    find_task,
    is_path_like,
    require_folder,
)
from challenge.task.task import SUBSETS, TASK_FORMAT, Subset, Task, read_task

__all__ = [
    "MODALITIES",
    "RESERVED",
    "SUBSETS",
    "TASK_FORMAT",
    "Challenge",
    "Column",
    "Modality",
    "Side",
    "Subset",
    "Task",
    "atomic_file",
    "dump_json",
    "find_challenge",
    "find_task",
    "is_path_like",
    "modality_of",
    "read_json",
    "read_task",
    "require_folder",
    "sha256_of_file",
    "write_atomically",
]
