"""What people reported of raw data, hand-ins and commands, each with the tests that hold it right.

The keys of `CASES` number reports about raw data, predictions and methods; those of `ORGANISER`,
`PARTICIPANT` and `READER` name what people saw who tried the product in these roles.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOUNS = "rows|images|cells|contents|keys|ids|labels|pairs|values|files|lines|columns|classes|tasks"
COUNTED_BY_HAND = re.compile(rf'f".*\{{[^{{}}]*:,\}} ({NOUNS})\b')
OF = re.compile(r"(of|than) \{[^{}]*\} ")
"""One of several, as in `1 of 20 rows`, and a limit need no singular."""

READINGS = "tests/prepare/test_readings.py"
FOLDERS = "tests/prepare/test_reading_folders.py"
PARTS = "tests/prepare/test_parts_and_lists.py"
IMAGES = "tests/prepare/test_image_files.py"
DEEP = "tests/task/test_deep_images.py"
SVG = "tests/task/test_svg.py"
LABELS = "tests/scoring/test_labels.py"
FILES = "tests/methods/test_method_files.py"
RETURNED = "tests/methods/test_returned.py"
OUTPUTS = "tests/cli/test_outputs.py"
PLACES = "tests/ledger/test_inbox_places.py"

SPREADSHEET = f"{READINGS}::test_a_table_as_a_spreadsheet_user_saves_it"
NUMBERS = f"{READINGS}::test_numbers_are_what_the_whole_column_says"
ARROW = f"{READINGS}::test_a_type_of_arrow_is_built"
NAMES = f"{IMAGES}::test_a_text_means_the_file_that_it_names_best"
ENCODING = f"{READINGS}::test_an_old_encoding_is_guessed_with_a_cell_to_judge_by"
FORMS = f"{READINGS}::test_classes_that_differ_only_in_form_are_asked_about"

CASES: dict[str, tuple[str, ...]] = {
    "01 decimal comma": (NUMBERS,),
    "02 same name in several folders": (
        NAMES, f"{IMAGES}::test_two_files_of_one_name_are_refused_by_name"
    ),
    "04 hash in file names": (NAMES,),
    "05 decomposed file names": (NAMES,),
    "08 file name that is not UTF-8": (
        f"{IMAGES}::test_a_file_name_that_is_no_text_leaves_the_others_alone",
    ),
    "09 zip with legacy names": (f"{IMAGES}::test_zips_of_other_systems_are_read",),
    "10 literal quotes in a TSV": (f"{READINGS}::test_quotes_that_may_join_lines_are_asked_about",),
    "11 quotes inside fields": (
        f"{READINGS}::test_quotes_inside_fields_between_tabs_are_characters",
    ),
    "12 export of MySQL": (f"{READINGS}::test_an_export_of_mysql",),
    "13 no header": (
        f"{READINGS}::test_a_file_without_a_header_loses_no_row",
        f"{FOLDERS}::test_a_label_that_is_no_name_says_how_the_header_was_read",
    ),
    "14 line that names the delimiter": (SPREADSHEET,),
    "15 comments above the header": (SPREADSHEET,),
    "17 title above the header": (
        SPREADSHEET, f"{READINGS}::test_a_title_above_the_header_and_values_without_a_name"
    ),
    "18 end-of-file mark of DOS": (SPREADSHEET,),
    "19 carriage returns alone": (SPREADSHEET,),
    "20 formulas without values": (f"{READINGS}::test_formulas_without_values_are_named",),
    "21 label made by a formula": (f"{READINGS}::test_formulas_without_values_are_named",),
    "23 merged cells": (
        f"{READINGS}::test_merged_and_mixed_cells_and_dates_of_a_workbook",
    ),
    "24 error cells": (f"{READINGS}::test_error_cells_are_missing",),
    "25 hidden first sheet": (
        f"{READINGS}::test_the_first_visible_sheet_is_read",
        "tests/cli/test_tasks.py::test_a_task_without_columns_is_named_and_the_others_are_listed",
    ),
    "27 texts and numbers in a workbook": (
        f"{READINGS}::test_merged_and_mixed_cells_and_dates_of_a_workbook",
    ),
    "28 dates and times in a workbook": (
        f"{READINGS}::test_merged_and_mixed_cells_and_dates_of_a_workbook",
    ),
    "30 durations": (ARROW,),
    "31 large lists": (ARROW,),
    "34 decimals": (ARROW, f"{READINGS}::test_decimals_that_no_double_holds_stay_codes"),
    "36 null type and half floats": (
        ARROW, f"{READINGS}::test_what_begins_late_or_is_sorted_is_seen_in_all_rows"
    ),
    "37 dictionaries of integers": (ARROW,),
    "38 far dates": (ARROW,),
    "39 string views": (ARROW,),
    "41 index of pandas": (
        "tests/prepare/converters/test_strange_tables.py"
        "::test_the_index_that_pandas_writes_is_a_column_of_its_own",
    ),
    "42 truth values as labels": (
        f"{LABELS}::test_truth_values_of_parquet_are_the_classes_however_these_are_spelled",
        f"{LABELS}::test_following_the_fix_of_labels_in_another_form_leads_to_a_file_that_is_taken",
    ),
    "43 labels that became floats": (
        f"{LABELS}::test_the_fix_of_a_column_of_another_type_leads_to_a_file_that_is_taken",
        f"{LABELS}::test_a_whole_number_is_near_its_class_with_a_point_or_without",
    ),
    "44 lists of structs": (ARROW, f"{PARTS}::test_lists_that_differ_are_texts_that_differ"),
    "46 times of day and days": (ARROW,),
    "50 orients of JSON": (
        f"{READINGS}::test_an_orient_of_pandas_is_read",
        f"{READINGS}::test_lines_in_a_json_file_and_values_without_names",
        f"{READINGS}::test_times_in_json_lines_keep_their_zone",
        f"{PARTS}::test_the_keys_of_an_object_of_rows_are_a_column",
        "tests/prepare/converters/test_strange_tables.py"
        "::test_nested_and_mixed_values_make_a_task",
    ),
    "51 rows sorted by label": (
        f"{READINGS}::test_what_begins_late_or_is_sorted_is_seen_in_all_rows",
    ),
    "52 column that begins late": (
        f"{READINGS}::test_what_begins_late_or_is_sorted_is_seen_in_all_rows",
    ),
    "53 codes of twenty digits": (
        f"{READINGS}::test_what_is_no_number_of_one_unit_stays_text",
        f"{READINGS}::test_a_converter_of_ones_own_cannot_round_codes",
        f"{READINGS}::test_numbers_that_would_become_one_stay_texts",
    ),
    "56 variants of dates": (
        f"{READINGS}::test_dates_are_read_whatever_stands_between_their_parts",
        f"{READINGS}::test_times_finer_than_a_microsecond_stay_texts_and_are_no_key",
    ),
    "58 dots between thousands": (
        NUMBERS,
        f"{READINGS}::test_a_column_with_two_readings_is_asked_about_and_the_answer_taken",
    ),
    "60 odd column names": (
        "tests/prepare/test_infer.py::test_reserved_and_odd_names_are_carried_over",
    ),
    "61 PNG of 12 bits": (
        f"{DEEP}::test_values_are_scaled_by_the_bits_that_they_use",
        f"{DEEP}::test_all_images_of_a_task_are_scaled_alike",
        "tests/cli/test_reading_report.py::test_convert_prints_what_was_changed_of_the_images",
    ),
    "62 MPO of phones": (f"{DEEP}::test_formats_of_phones_are_decoded",),
    "64 AVIF": (f"{DEEP}::test_formats_of_phones_are_decoded",),
    "65 bomb in an SVG": (f"{SVG}::test_a_bomb_is_refused_by_name",),
    "66 odd SVGs": (
        f"{SVG}::test_a_root_of_another_namespace_is_refused",
        "tests/task/test_images.py::test_a_drawing_that_refers_to_outside_is_refused",
    ),
    "67 odd images": (
        NAMES,
        f"{DEEP}::test_a_file_that_is_no_image_is_named",
        f"{DEEP}::test_several_frames_are_known_and_the_first_is_stored",
        f"{DEEP}::test_a_turned_image_is_upright",
        "tests/task/test_images.py::test_every_mode_becomes_one_of_four",
    ),
    "70 methods of beginners": (
        f"{RETURNED}::test_every_shape_gives_each_row_its_own_label",
        f"{RETURNED}::test_what_cannot_be_taken_is_named",
        f"{FILES}::test_a_thread_that_is_left_over_does_not_keep_the_cell",
        f"{FILES}::test_a_changed_helper_is_another_method",
        f"{FILES}::test_a_changed_data_file_needs_fresh",
    ),
    "80 writers of Parquet": (
        "tests/scoring/test_check_properties.py::test_order_and_format_do_not_matter",
        f"{LABELS}::test_the_fix_of_a_column_of_another_type_leads_to_a_file_that_is_taken",
        "tests/cli/test_scores.py::test_a_folder_as_a_file_is_refused",
        "tests/scoring/test_broken_files.py::test_a_broken_file_gives_its_report",
    ),
    "90 mark before Ditto's text": (
        "tests/prepare/converters/test_odd_files.py"
        "::test_ditto_may_begin_with_a_mark_and_have_blank_lines",
    ),
    "91 blanks in Ditto's names": (
        f"{FOLDERS}::test_an_attribute_of_ditto_may_have_blanks_in_its_name",
    ),
    "93 Ditto in an old encoding": (
        f"{FOLDERS}::test_ditto_of_an_old_encoding_is_refused_by_add_and_read_if_stated",
    ),
    "94 line ends of Windows in Ditto": (
        f"{FOLDERS}::test_line_ends_of_ditto_are_no_part_of_the_last_value",
    ),
    "95 ids of pairs that became floats": (
        f"{FOLDERS}::test_ids_that_became_floats_are_named_in_their_other_form",
        f"{FOLDERS}::test_ids_in_another_form_are_named_in_that_of_the_records",
    ),
    "96 labels of pairs that became floats": (
        f"{FOLDERS}::test_labels_that_became_floats_and_comments_above_pairs_are_read",
    ),
    "98 comments above pairs": (
        f"{FOLDERS}::test_labels_that_became_floats_and_comments_above_pairs_are_read",
    ),
    "99 contradictory pairs": (
        "tests/prepare/test_audit.py::test_a_row_copied_across_the_split_is_found",
    ),
    "100 pairs both ways": (
        "tests/prepare/test_finding_rows.py"
        "::test_a_record_paired_with_itself_is_no_pair_that_follows_from_train",
    ),
    "101 answers in another form": (
        f"{FOLDERS}::test_answers_in_another_form_than_train_are_asked_about",
    ),
    "102 column that test lacks": (
        f"{FOLDERS}::test_a_column_that_test_lacks_is_left_out_and_said",
    ),
    "103 ids of test that became floats": (
        f"{FOLDERS}::test_ids_of_test_that_became_floats_are_named_in_their_other_form",
    ),
    "104 test with a label column": (
        f"{FOLDERS}::test_a_test_table_may_have_an_empty_label_column",
    ),
    "105 id column of another case": (
        f"{FOLDERS}::test_following_the_fix_of_an_id_column_of_another_case_leads_to_a_task",
    ),
    "106 id twice": ("tests/prepare/test_rows.py::test_a_key_twice_is_refused_with_its_name",),
    "110 one byte that is not UTF-8": (
        f"{READINGS}::test_one_bad_byte_does_not_turn_a_file_into_another_encoding",
    ),
    "113 Shift JIS": (ENCODING,),
    "114 GB 18030": (ENCODING,),
    "115 cp1251": (ENCODING,),
    "116 UTF-16 without a mark": (SPREADSHEET,),
    "117 Mac Roman": (ENCODING,),
    "118 cp850": (ENCODING,),
    "120 dates of two separators": (
        f"{READINGS}::test_a_split_by_time_sorts_dates_of_two_separators",
        f"{READINGS}::test_a_split_by_time_of_no_one_order_is_refused",
    ),
    "122 missing groups": (
        "tests/prepare/test_rows.py::test_a_group_straddles_neither_sides_nor_folds",
    ),
    "123 variants of groups": (FORMS,),
    "126 shards": (f"{READINGS}::test_parts_of_a_table_are_read_as_one",),
    "127 names of method files": (f"{FILES}::test_a_file_may_have_the_name_of_a_module",),
    "130 mark and quoted header": (SPREADSHEET,),
    "131 blanks between fields": (f"{READINGS}::test_fields_between_blanks",),
    "132 classes 1 and 1.0": (FORMS,),
    "133 file one folder too high": (
        f"{PLACES}::test_following_the_receipt_of_a_misplaced_file_leads_to_a_score",
    ),
    "135 close without a time or zone": (
        "tests/task/test_declarations.py::test_settings_that_do_not_fit_together_are_refused",
    ),
    "136 tuned method with a neighbour": (
        "tests/cli/test_tuning.py::test_a_search_ends_in_a_file_that_runs",
        "tests/methods/test_space.py::test_an_empty_range_is_refused",
    ),
}  # fmt: skip

ORGANISER: dict[str, tuple[str, ...]] = {
    "bad images are named before anything is decoded": (
        "tests/prepare/test_image_build.py::test_every_bad_image_is_named_before_any_is_decoded",
    ),
    "images are scaled down or dropped where task.toml says so": (
        "tests/prepare/test_image_build.py::test_bad_images_are_dropped_where_task_toml_says_so",
        "tests/prepare/test_image_build.py::test_larger_images_are_scaled_down_and_counted",
    ),
    "findings name raw rows and partners": (
        "tests/prepare/test_finding_rows.py"
        "::test_a_stopped_build_names_the_raw_rows_of_both_partners",
    ),
    "audit of a stopped or unbuilt task": (
        "tests/prepare/test_finding_rows.py"
        "::test_audit_works_on_a_stopped_build_and_a_good_one_replaces_it",
        "tests/cli/test_app.py::test_a_task_that_is_not_built_says_how_to_build_it",
    ),
    "decoded images are kept": (
        "tests/prepare/test_image_build.py::test_decoded_images_are_kept_between_builds",
    ),
    "progress has a total": (
        "tests/prepare/test_image_build.py::test_progress_says_how_many_of_how_many",
    ),
    "init writes a draft": (f"{OUTPUTS}::test_a_draft_may_change_until_a_team_has_submitted",),
    "a run that cannot be submitted does not train": (
        f"{OUTPUTS}::test_a_run_that_cannot_be_submitted_does_not_train",
    ),
    "a past board is written beside the site": (
        f"{OUTPUTS}::test_a_past_board_is_written_beside_the_published_one",
    ),
    "identical predictions are shown": (
        "tests/cli/test_similar.py::test_copies_are_shown_after_collect_and_by_the_command",
    ),
    "each finding has a fix": ("tests/prepare/test_finding_rows.py::test_each_finding_has_a_fix",),
    "accept takes known findings only": (
        "tests/task/test_findings.py::test_an_unknown_finding_is_refused_with_the_known_ones",
    ),
    "a borrowed converter is part of the build mark": (
        "tests/prepare/test_finding_rows.py::test_a_converter_of_another_task_counts_as_input",
    ),
    "the step of a public score": (
        "tests/ledger/test_contest.py::test_the_ladder_tells_only_steps",
    ),
    "show names split and sizes": (
        "tests/cli/test_tasks.py::test_show_tells_schema_sizes_and_licence",
        "tests/prepare/test_build.py::test_a_coarse_number_of_clusters_is_not_above_the_rows",
    ),
    "a difference stays in the bounds of its metric": (
        "tests/board/test_one_answer.py::test_intervals_stay_in_their_bounds_and_hold_their_value",
    ),
    "an official valid part stays apart": (
        "tests/prepare/test_rows.py"
        "::test_the_valid_part_of_an_official_split_is_the_last_fold",
    ),
}  # fmt: skip

PARTICIPANT: dict[str, tuple[str, ...]] = {
    "blocks of the README run where their reader is": (
        "tests/test_docs.py::test_the_first_minutes_of_the_readme_run_as_they_are",
        "tests/test_docs.py::test_the_readme_has_the_first_minutes_of_all_three_users",
    ),
    "the version": ("tests/cli/test_app.py::test_version_needs_no_command",),
    "commands of the home page": (
        "tests/test_docs.py::test_the_commands_of_the_home_page_run_as_they_are",
    ),
    "a run replaces no file": (f"{OUTPUTS}::test_a_run_keeps_the_file_of_an_earlier_one",),
    "out-of-fold predictions are written": (
        f"{OUTPUTS}::test_out_of_fold_predictions_are_written_for_score",
    ),
    "a misplaced file has a receipt": (
        f"{PLACES}::test_following_the_receipt_of_a_misplaced_file_leads_to_a_score",
    ),
    "a quota after the close": (
        f"{PLACES}::test_a_quota_on_the_last_day_names_the_close_and_no_later_day",
    ),
    "the spelling of a team": (
        "tests/ledger/test_inbox.py::test_a_folder_of_another_spelling_cannot_use_a_teams_quota",
    ),
    "files of operating systems": (
        f"{PLACES}::test_files_of_operating_systems_are_neither_answered_nor_counted",
    ),
}  # fmt: skip

READER: dict[str, tuple[str, ...]] = {
    "a public mean is inside its interval": (
        "tests/board/test_standings_track.py::test_a_mean_at_an_edge_has_no_point_as_its_interval",
        "tests/board/test_standings_task.py"
        "::test_derived_ends_are_rounded_outward_to_the_step_while_the_contest_runs",
    ),
    "the prize text is the rule": (
        "tests/board/test_prize_text.py::test_every_rule_has_its_text",
        "tests/board/test_standings_track.py"
        "::test_a_split_prize_is_shared_by_the_teams_tied_with_the_first",
    ),
    "a long board compares all teams": (
        "tests/board/test_standings_task.py::test_all_teams_of_a_long_board_are_compared",
    ),
    "counts of one": ("tests/test_reported_cases.py::test_a_count_of_one_is_singular",),
    "the comparison page": (
        "tests/board/test_comparison.py::test_the_page_names_both_teams_and_gives_a_verdict",
    ),
    "print": ("tests/browser/test_pages.py::test_tables_fit_a_printed_a4_page",),
}  # fmt: skip


def names() -> Iterator[tuple[str, str]]:
    for table in (CASES, ORGANISER, PARTICIPANT, READER):
        for case, tests in table.items():
            assert tests, case
            for test in tests:
                yield case, test


@cache
def functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("case", "test"), list(names()))
def test_every_case_has_its_test(case: str, test: str) -> None:
    file, name = test.split("::")
    assert name.startswith("test_") and name in functions_of(ROOT / file), case


def test_a_count_of_one_is_singular() -> None:
    """No message counts by hand what it may count one of."""
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "challenge").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if COUNTED_BY_HAND.search(line) and not OF.search(line)
    ]
    assert not found, found
