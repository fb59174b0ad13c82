import pytest

from docs.generate.markdown import code, count, page, sentence, spans, table


def test_table_aligns_numbers_and_escapes_bars() -> None:
    assert table(["Name", ">Size"], [("a|b", 3)]) == "| Name | Size |\n| --- | --: |\n| a\\|b | 3 |\n"


def test_page_separates_its_parts_with_one_empty_line() -> None:
    assert page("Title", "one\n", "two") == "# Title\n\none\n\ntwo\n"


@pytest.mark.parametrize(
    ("numbers", "written"),
    [
        ([22], "22"),
        ([443, 80], "80, 443"),
        ([3300, 6789, 6790], "3300, 6789, 6790"),
        (range(6800, 6832), "6800-6831"),
        ([1, 2, 3, 5], "1-3, 5"),
        ([], ""),
    ],
)
def test_spans_writes_runs_of_three_and_more_short(numbers: list[int], written: str) -> None:
    assert spans(numbers) == written


def test_words() -> None:
    assert count(1, "host") == "1 host"
    assert count(3, "host") == "3 hosts"
    assert sentence([]) == "none"
    assert sentence(["a"]) == "a"
    assert sentence(["a", "b", "c"]) == "a, b and c"
    assert code(["x", 1]) == "`x`, `1`"
