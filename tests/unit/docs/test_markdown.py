from docs.generate.markdown import code, count, page, sentence, table


def test_table_aligns_numbers_and_escapes_bars() -> None:
    assert table(["Name", ">Size"], [("a|b", 3)]) == "| Name | Size |\n| --- | --: |\n| a\\|b | 3 |\n"


def test_page_separates_its_parts_with_one_empty_line() -> None:
    assert page("Title", "one\n", "two") == "# Title\n\none\n\ntwo\n"


def test_words() -> None:
    assert count(1, "host") == "1 host"
    assert count(3, "host") == "3 hosts"
    assert sentence([]) == "none"
    assert sentence(["a"]) == "a"
    assert sentence(["a", "b", "c"]) == "a, b and c"
    assert code(["x", 1]) == "`x`, `1`"
