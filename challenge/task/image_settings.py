"""`[raw] images` of a task.toml: where the images are, and what happens to those out of bounds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from challenge.task.declarations import Declaration
from challenge.task.images import MAX_MEGAPIXELS, MOST_MEGAPIXELS, ImageRules
from challenge.task.toml_text import in_toml

__all__ = ["ImageSettings"]


class ImageSettings(Declaration):
    """Where the images of a raw table are, and what happens to those that are out of bounds."""

    path: str | None = None
    """A folder or a zip, relative to the raw folder; without it, images are anywhere in there."""
    max_side: int | None = Field(default=None, ge=16, le=65_536)
    """Pixels of the longer side; a larger image is scaled down to it."""
    max_megapixels: int = Field(default=MAX_MEGAPIXELS, ge=1, le=MOST_MEGAPIXELS)
    """Millions of pixels; a larger image is refused, before it is scaled."""
    on_error: Literal["refuse", "drop"] = "refuse"
    """What follows from an image that is missing, damaged or too large.

    `refuse` stops the build. `drop` leaves its field empty, and counts and lists it.
    """

    @property
    def rules(self) -> ImageRules:
        """How an image becomes a stored one."""
        return ImageRules(self.max_megapixels, self.max_side or 0)

    @property
    def dropping(self) -> str:
        """The line of `[raw]` with these settings that drops bad images.

        >>> ImageSettings(path="fotos", max_side=64).dropping
        'images = { path = "fotos", max_side = 64, on_error = "drop" }'
        """
        stated = {**self.model_dump(exclude_defaults=True), "on_error": "drop"}
        inside = ", ".join(f"{key} = {in_toml(value)}" for key, value in stated.items())
        return f"images = {{ {inside} }}"
