"""Rows of people as spreadsheets save them: any encoding, any separator, with a header or without one.

It only reads. What is wrong with a row is said in its `error`, what is wrong with the whole text by `UnreadableError`.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.models import validate_email_length, validate_shown
from ondol.accounts.text import clean_address, clean_line

MOST, LARGEST = 300, 1_000_000
"""How many people one file may have, and how many bytes."""
LARGEST_PASTED = LARGEST * 3 // 2
"""How many bytes the same rows may have when pasted: Hangul has two bytes in a file of Excel's, and three in UTF-8."""
_HEADS = {
    "email": "email e-mail mail emailaddress e-mailaddress address 이메일 메일 전자우편 이메일주소 메일주소 전자메일",
    "name": "name fullname 이름 성명 성함",
    "affiliation": "affiliation institute institution organisation organization department 소속 소속기관 기관 부서",
    "language": "language lang 언어",
}
_KEY_OF = {word: key for key, words in _HEADS.items() for word in words.split()}
_LANGUAGES = {
    **dict.fromkeys(["", "-"], ""),
    **dict.fromkeys(["ko", "kor", "ko-kr", "korean", "한국어", "국문", "한글"], "ko"),
    **dict.fromkeys(["en", "eng", "en-us", "en-gb", "english", "영어", "영문"], "en"),
}
_ADDRESS = re.compile(r"[^@＠\s<>,;\"]+[@＠][^@＠\s<>,;\"]+")
_NAMED = re.compile(r"(?P<name>.*?)<(?P<address>[^<>]*)>")
_BESIDE = re.compile(r"[A-Za-z][가-힣]|[가-힣][A-Za-z]")
_IS_ADDRESS = EmailValidator(gettext_lazy("This is not an e-mail address."))
_GUARDED = re.compile(r"'(?=\s*[=+@\-＝＋－＠])")
"""An apostrophe before a formula: our own files have it, so that Excel takes the cell for text."""
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .xls begin."""
_SWALLOWED = re.compile(r"[\r\n][^@＠,;\t]*[@＠,;\t]")
"""A line break in a cell and a separator after it: a quotation mark was left open, and swallowed the next row."""


class UnreadableError(Exception):
    """A text that has no rows of people. The message is a sentence in the reader's language."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the file."""

    line: int
    email: str
    name: str = ""
    affiliation: str = ""
    language: str = ""
    """`ko`, `en`, or empty: the language of the installation."""
    error: str = ""
    """The reason why nothing can be done with this row; empty if all is well."""
    unread: str = ""
    """The text of its other cells, each with its column's heading if there is one."""


def decode(data: bytes) -> str:
    """Return the text of a file, whose encoding is found out. Raises UnreadableError."""
    if len(data) > LARGEST:
        raise UnreadableError(
            _("The file is larger than 1 MB. Save the columns with the people as a file of their own.")
        )
    if data.startswith(_WORKBOOKS):
        raise UnreadableError(
            _("This is an Excel workbook. In Excel, choose “Save As” and the type “CSV UTF-8”, and upload that file.")
        )
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decoded(data, encoding)
    if b"\0" in data:  # UTF-16 without its mark: of most characters, one byte is zero
        text = _decoded(data, "utf-16-be" if data[::2].count(0) > data[1::2].count(0) else "utf-16-le")
        if "@" not in text:
            raise _no_text()
        return text
    return _utf_8_or_korean(data)


def rows_of(text: str) -> list[Row]:
    """Return the people of a text, duplicates with an error. Raises UnreadableError."""
    records = list(_records(text.removeprefix("\ufeff")))
    columns, heads = (_columns(records[0][1]) if records else []), list[str]()
    if columns:
        heads = [clean_line(cell) for cell in records.pop(0)[1]]
    if not records:
        raise UnreadableError(_("There is nobody in it. Each line has an e-mail address, a name and an affiliation."))
    if len(records) > MOST:
        raise UnreadableError(
            _("There are %(count)d people in it, and at most %(most)d can be invited at once. Split the file.")
            % {"count": len(records), "most": MOST}
        )
    columns = columns or _usual_columns([cells for _line, cells in records])
    return list(_without_twins([_row(line, cells, columns, heads) for line, cells in records]))


def checked(row: Row) -> Row:
    """Return a row in the form that is kept, with its error if it has one."""
    name, address = _name_and_address(row)
    affiliation, typed = clean_line(" ".join(row.affiliation.split())), row.language.strip().lower()
    clean = Row(row.line, address, name, affiliation)
    try:
        email = clean_address(address)
        clean = replace(clean, email=email, name=name or email.partition("@")[0][:100])
        if not email:
            return replace(clean, error=_("There is no e-mail address."))
        _IS_ADDRESS(email)
        validate_email_length(email)
        validate_shown(clean.name)
        if affiliation:
            validate_shown(affiliation)
    except ValidationError as error:
        return replace(clean, error=" ".join(error.messages))
    if "@" in clean.name[1:]:
        return replace(clean, error=_("There is an address in the name: perhaps a quotation mark is not closed."))
    if len(clean.name) > 100 or len(affiliation) > 200:
        return replace(clean, error=_("The name is longer than 100 characters, or the affiliation than 200."))
    if typed not in _LANGUAGES:
        return replace(clean, error=_("The language is neither ko nor en."))
    return replace(clean, language=_LANGUAGES[typed])


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise _no_text() from None


def _no_text() -> UnreadableError:
    return UnreadableError(
        _("The file is no text that Ondol can read. In Excel, choose “Save As” and the type “CSV UTF-8”.")
    )


def _utf_8_or_korean(data: bytes) -> str:
    """Return the text as UTF-8, or as what Korean Excel saves. A few Korean names are valid in both: two Hangul in one
    are two accented letters in the other, which nobody writes without Latin letters beside them."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data, "cp949")
    if text.isascii() or re.search("[\u0800-\uffff]", text):
        return text
    try:
        korean = data.decode("cp949")
    except UnicodeDecodeError:
        return text
    return text if _BESIDE.search(korean) or not re.search("[가-힣]", korean) else korean


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record begins, and its cells; records without a letter are left out."""
    if "\0" in text:
        raise _no_text()
    first, separator = re.match(r"sep=([,;\t])\r?\n?", text), ""
    if first:  # a line for Excel alone
        separator = first[1]
    skipped = 1 if first else 0
    text = text[first.end() :] if first else text
    for line, cells in _split(text, separator or _separator(text)):
        if any(clean_line(cell) for cell in cells):
            yield line + skipped, cells


def _separator(text: str) -> str:
    """Return the separator with which most rows have an address in a cell of its own; of equal ones, most cells."""

    def fits(separator: str) -> tuple[int, int]:
        records = [cells for _line, cells in _split(text, separator, 50)]
        alone = sum(any(_ADDRESS.fullmatch(_bare(cell)) for cell in cells) for cells in records)
        return alone, sum(len(cells) for cells in records)

    return max((",", ";", "\t"), key=fits)


def _split(text: str, separator: str, most: int = 0) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator != "\t")
    line = 1
    try:
        for count, cells in enumerate(reader):
            if most and count >= most:
                return
            yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        raise UnreadableError(_open_quotation(line)) from None


def _columns(cells: list[str]) -> list[str]:
    """Return the keys of the columns if this is a header; empty if it is not."""
    if any("@" in cell or "＠" in cell for cell in cells):
        return []
    keys = [_KEY_OF.get(re.sub(r"[\s_()]", "", clean_line(cell)).lower(), "") for cell in cells]
    return keys if "email" in keys else []


def _usual_columns(records: list[list[str]]) -> list[str]:
    """Return the keys without a header: the column with addresses, then name, affiliation and language."""
    width = max(map(len, records))
    counts = [sum(bool(_address_in(cells[n])) for cells in records if n < len(cells)) for n in range(width)]
    others = iter(("name", "affiliation", "language"))
    where = counts.index(max(counts))
    return ["email" if n == where else next(others, "") for n in range(width)]


def _row(line: int, cells: list[str], columns: list[str], heads: list[str]) -> Row:
    found, unread = dict[str, str](), list[str]()
    for n, cell in enumerate(cells):
        key = columns[n] if n < len(columns) else ""
        if key and not found.get(key):
            found[key] = _GUARDED.sub("", cell, count=1) if _GUARDED.match(cell.strip()) else cell
        elif shown := _shown(cell):
            unread.append(f"{_shown(heads[n])}: {shown}" if n < len(heads) and _shown(heads[n]) else shown)
    row = replace(checked(Row(line, found.pop("email", ""), **found)), unread=", ".join(unread[:5]))
    if any(_SWALLOWED.search(cell.rstrip()) for cell in cells):
        return replace(row, error=_open_quotation(line))
    if not row.error and heads and any(map(_shown, cells[len(heads) :])):
        text = _("There are more cells than headings: perhaps there is a separator in a name or an affiliation.")
        return replace(row, error=text)
    return row


def _shown(cell: str) -> str:
    """Return the beginning of an unread cell, printable characters only."""
    text = "".join(letter for letter in clean_line(cell) if letter.isprintable())
    return f"{text[:60]}…" if len(text) > 60 else text


def _open_quotation(line: int) -> str:
    return _("Line %(line)d cannot be read: perhaps a quotation mark is not closed.") % {"line": line}


def _name_and_address(row: Row) -> tuple[str, str]:
    """Return both: an address may have a name before it, and `mailto:` as it is copied from a page."""
    name, address = clean_line(" ".join(row.name.split())), clean_line(row.email)
    if named := _NAMED.fullmatch(address):
        name = name or clean_line(named["name"].strip().strip("\"'"))
        address = named["address"]
    return name, _bare(address)


def _bare(cell: str) -> str:
    """Return the address in a cell, without what people copy along."""
    text = clean_line(cell)
    if named := _NAMED.fullmatch(text):
        text = named["address"]
    return re.sub(r"^mailto:", "", text.strip(), flags=re.IGNORECASE).partition("?")[0].strip()


def _address_in(cell: str) -> bool:
    return bool(_ADDRESS.fullmatch(_bare(cell)))


def _without_twins(rows: list[Row]) -> Iterator[Row]:
    first: dict[str, int] = {}
    for row in rows:
        if not row.error and row.email in first:
            yield replace(row, error=_("The same address as on line %(line)d.") % {"line": first[row.email]})
            continue
        first.setdefault(row.email, row.line)
        yield row
