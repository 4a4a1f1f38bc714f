"""What Excel, macOS and people's clipboards make of a list of people is read as it was meant."""

import csv
import io
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ondol.accounts.invited_rows import LARGEST, MOST, UnreadableError, decode, rows_of

KIM = ("kim@radar.kr", "김철수", "온돌 연구소")


def read(data):
    return [(row.email, row.name, row.affiliation) for row in rows_of(decode(data)) if not row.error]


def errors(text):
    return {row.line: row.error for row in rows_of(text) if row.error}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_kim_is_kim_however_excel_has_saved_him(encoding, separator, end):
    lines = ["이메일,이름,소속", ",".join(KIM), "lee@radar.kr,이영희,", ""]
    data = end.join(lines).replace(",", separator).encode(encoding)
    assert read(data) == [KIM, ("lee@radar.kr", "이영희", "")]


ADDRESS = st.from_regex(r"[a-z][a-z0-9]{0,12}@[a-z]{2,12}\.(kr|com|ac\.kr)", fullmatch=True)
HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=2, max_size=5)
LATIN = st.from_regex(r"[=+\-@]?[A-Z][a-z]{1,9}[,;]? [A-Z]\"?[a-z]{1,9}", fullmatch=True)
NAME = st.one_of(HANGUL, LATIN).filter(str.strip)
PEOPLE = st.lists(
    st.tuples(ADDRESS, NAME, st.one_of(st.just(""), NAME)), min_size=1, max_size=8, unique_by=lambda p: p[0]
)


@given(
    people=PEOPLE,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp949", "utf-16"]),
    separator=st.sampled_from([",", ";", "\t"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    head=st.sampled_from(
        [None, ("e-mail", "name", "affiliation"), ("메일 주소", "성명", "소속"), ("E-Mail", "Name", "Institute")]
    ),
    order=st.permutations([0, 1, 2]),
)
@example([("a@b.kr", "최짜", "")], "cp949", ";", csv.QUOTE_ALL, "\r", None, [0, 1, 2])
def test_whoever_is_written_is_read(people, encoding, separator, quoting, end, head, order):
    order = order if head else [0, 1, 2]
    text = io.StringIO()
    rows = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)
    rows.writerows([cells[n] for n in order] for cells in ([head] if head else []) + people)
    assert read(text.getvalue().encode(encoding)) == people


def rows_or_sentence(data):
    """Return whether there are rows, or a sentence that says why not."""
    try:
        return bool(rows_of(decode(data) if isinstance(data, bytes) else data))
    except UnreadableError as error:
        return str(error).endswith(".")


@given(st.binary(max_size=300))
@example(b"\xff\xfe\x00")
@example(b"\xff\xfe\x00\xd8")
@example(b"a@b.kr\x00")
def test_whatever_bytes_are_uploaded_there_are_rows_or_a_sentence(data):
    assert rows_or_sentence(data)


@given(st.text(max_size=300))
def test_whatever_is_pasted_there_are_rows_or_a_sentence(text):
    assert rows_or_sentence(text)


@pytest.mark.parametrize(
    "typed",
    [
        "kim@radar.kr", " Kim@Radar.KR ", "\u00a0kim@radar.kr\u3000", "kim＠radar.kr", "mailto:kim@radar.kr",
        "<kim@radar.kr>", "MAILTO:kim@radar.kr?subject=Hi", "kim\u200b@radar.kr", "김철수 <kim@radar.kr>",
    ],
)  # fmt: skip
def test_an_address_is_one_however_it_was_copied(typed):
    assert [row.email for row in rows_of(f'"{typed}",김철수')] == ["kim@radar.kr"]


def test_the_name_before_an_address_counts_where_the_column_has_none():
    text = '김철수 <kim@radar.kr>\n"""Lee, Y"" <lee@radar.kr>",,KIGAM'
    assert read(text.encode()) == [("kim@radar.kr", "김철수", ""), ("lee@radar.kr", "Lee, Y", "KIGAM")]


@pytest.mark.parametrize(
    "row",
    ['lee@x.kr,"Lee', 'lee@x.kr,Lee,"KAIST', 'lee@x.kr,Lee,"', '"lee@x.kr,Lee,KAIST', 'lee@x.kr,Lee,,ko,"a remark'],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_quotation_mark_that_is_not_closed_hides_nobody(row, end):
    for behind in ("kim@x.kr,Kim,SNU", 'kim@x.kr,Kim,"SNU"', f"kim@x.kr{end}choi@x.kr"):
        text = end.join(["ann@x.kr,Ann,SNU,ko,", row, behind, ""])
        assert errors(text) == {2: "Line 2 cannot be read: perhaps a quotation mark is not closed."}
    assert "Line 1" in errors(f'email,name,"affiliation{end}kim@x.kr,Kim,SNU')[1]


def test_a_line_break_that_somebody_typed_into_a_cell_is_a_space():
    text = 'lee@x.kr,Lee,"Physics, \nKAIST\n"\nkim@x.kr,Kim,"SNU, Seoul"\n'
    assert read(text.encode()) == [("lee@x.kr", "Lee", "Physics, KAIST"), ("kim@x.kr", "Kim", "SNU, Seoul")]


def test_a_name_that_macos_has_taken_apart_is_one_again():
    assert read(unicodedata.normalize("NFD", "kim@radar.kr,김철수,온돌 연구소").encode()) == [KIM]


def test_empty_lines_and_columns_are_nothing_and_lines_are_counted_as_in_the_file():
    text = 'sep=;\r\n이메일;이름;;;\r\n\r\n;;;\r\nkim@radar.kr;"김\r\n철수";;;\r\nnobody;x\r\n'
    rows = rows_of(text)
    assert [(row.line, row.email, row.name) for row in rows] == [(5, "kim@radar.kr", "김 철수"), (7, "nobody", "x")]


def test_without_a_header_the_column_with_addresses_is_found():
    assert read("김철수,kim@radar.kr,온돌 연구소\n이영희,lee@radar.kr,\n".encode()) == [
        KIM,
        ("lee@radar.kr", "이영희", ""),
    ]


def test_the_second_of_two_is_an_error_that_names_the_first():
    assert errors("kim@radar.kr,A\nlee@radar.kr,B\nKIM@radar.kr,C\n") == {3: "The same address as on line 1."}


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ("kim@,Kim", "This is not an e-mail address."),
        (f"{'k' * 250}@radar.kr,Kim", "longer than 254"),
        ("kim@radar.kr,\u202eKim", "It contains an invisible character: U+202E"),
        (f"kim@radar.kr,{'k' * 101}", "The name is longer than 100 characters"),
        ("kim@radar.kr,Kim,Lab,xx", "The language is neither ko nor en."),
        (",Kim,Lab", "There is no e-mail address."),
        ("k\u0456m@rad\u0430r.kr,Kim", "look-alike letters of two scripts"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(row, error):
    found = errors(f"lee@radar.kr,Lee\n{row}")
    assert list(found) == [2]
    assert error in found[2]


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("email,name,phone\nkim@x.kr,Kim,010-1", ["phone: 010-1"]),
        ("email,name,langauge\nkim@x.kr,Kim,ko\nlee@x.kr,Lee,", ["langauge: ko", ""]),
        ("email,,name\nkim@x.kr,x,Kim", ["x"]),
        ("성명,이름,메일\n김,철수,kim@x.kr", ["이름: 철수"]),
        ("kim@x.kr,Kim,Lab,ko,010-1,\nlee@x.kr,Lee,Lab,ko", ["010-1", ""]),
        ("kim@x.kr,Kim,Lab,ko," + "x" * 70, ["x" * 60 + "…"]),
        ("kim@x.kr,Kim,Lab,ko,\u202ea", ["a"]),
        ("kim@x.kr,Kim,Lab,ko,\u202e, ", [""]),
    ],
)
def test_what_is_not_read_is_told_with_its_line(text, unread):
    rows = rows_of(text)
    assert [row.unread for row in rows] == unread
    assert not any(row.error for row in rows)


def test_a_row_with_more_cells_than_headings_may_be_out_of_step():
    text = "email,name,affiliation\nkim@x.kr,Kim,KIGAM, Daejeon\nlee@x.kr,Lee,KIGAM,,\nhan@x.kr,Han,Lab"
    assert list(errors(text)) == [2]
    assert "more cells than headings" in errors(text)[2]
    assert rows_of(text)[0].unread == "Daejeon"


def test_a_language_is_understood_in_either():
    rows = rows_of("a@x.kr,A,,ko\nb@x.kr,B,,영어\nc@x.kr,C,,\n")
    assert [row.language for row in rows] == ["ko", "en", ""]


def test_a_workbook_too_many_people_and_an_open_quotation_mark_get_a_sentence():
    for data, said in (
        (b"PK\x03\x04\x14\x00", "CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1", "CSV UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "no text"),
        (b"x" * (LARGEST + 1), "larger than 1 MB"),
        (b"", "nobody"),
        ("이메일,이름\n".encode(), "nobody"),
        ("\n".join(f"p{n}@x.kr,P" for n in range(MOST + 1)).encode(), "301 people"),
        (b'a@x.kr,"' + b"x\n" * 70_000, "quotation mark"),
    ):
        with pytest.raises(UnreadableError, match=said):
            rows_of(decode(data))


def test_what_begins_like_a_formula_is_a_name_and_our_own_file_reads_back():
    assert read(b"kim@radar.kr,=Kim,@lab\n") == [("kim@radar.kr", "=Kim", "@lab")]
    assert read(b"kim@radar.kr,'=Kim,\n") == [("kim@radar.kr", "=Kim", "")]


def test_letters_with_accents_are_not_taken_for_korean():
    assert read("jose@x.es,José Peña,Cité".encode()) == [("jose@x.es", "José Peña", "Cité")]
