"""Machine-learning challenges on multimodal tables.

>>> import challenge
>>> loaded = challenge.load_task("icon-tag")  # doctest: +SKIP
>>> loaded.train, loaded.image(loaded.train["image"][0])  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from challenge.task.frames import load_task

__all__ = ["__version__", "load_task"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # The command line starts here too, and must not wait for what it may never use.
    if name == "load_task":
        from challenge.task.frames import load_task

        return load_task
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
