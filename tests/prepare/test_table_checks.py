"""Classes that no submission could name without doubt are refused at build."""

from __future__ import annotations

import pytest

from challenge.errors import TaskError
from challenge.prepare.build.table_checks import check_classes


@pytest.mark.parametrize("name", ["\r", "a\r", "a\nb", "\t", "\x7f", "\x85", "\0", "", "label"])
def test_a_class_with_a_control_character_is_refused(name: str) -> None:
    with pytest.raises(TaskError) as error:
        check_classes(["fine", name], "raw")
    assert [fault.code for fault in error.value.faults] == ["class-name"]


def test_other_characters_are_names() -> None:
    check_classes(["a b", "ä", "日本", "-1", " "], "raw")
