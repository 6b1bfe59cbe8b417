"""Lines of a list: what cannot be used is a row that repeats no secret, and what a name hides is shown."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import fsspec
import pytest
from made_crystals import rocksalt

from screening.config import InputLimits
from screening.errors import Code, InputError
from screening.locations import holds_credentials, location, require
from screening.locations.credentials import without_credentials
from screening.sources import Item, iter_items
from screening.sources.lines import LONGEST
from screening.spreadsheet import seen

LIMITS = InputLimits()
GOOD = b"data_x\n"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CREDENTIALS = [
    f"s3://AKIAEXAMPLE:{SECRET}@bucket/a.cif",
    f"s3://AKIAEXAMPLE:{SECRET}/bucket/a.cif",
    f"S3A://AKIAEXAMPLE:{SECRET}@bucket/a.cif",
    f"gs://user:{SECRET}@bucket/a.cif",
    f"memory://user:{SECRET}@bucket/a.cif",
    f"https://user:{SECRET}@host/a.cif",
    f"https://{SECRET.replace('/', '')}@host/a.cif",
    f"https://host:8080/a.cif?X-Amz-Signature={SECRET}",
    f"s3://bucket/a.cif?X-Amz-Algorithm=A&X-Amz-Signature={SECRET}",
    f"s3://bucket/a.cif?AWSAccessKeyId=A&Signature={SECRET}",
    f"gs://bucket/a.cif?X-Goog-Signature={SECRET}",
    f"az://container/a.cif?sv=2024&sig={SECRET}",
    f"memory://bucket/a.cif?token={SECRET}",
    f"https://host/a.cif#access_token={SECRET}",
    f'"s3://AKIAEXAMPLE:{SECRET}@bucket/a.cif"',
    f"@s3://AKIAEXAMPLE:{SECRET}@bucket/list.txt",
    f"s3:/AKIAEXAMPLE:{SECRET}@bucket/a.cif",
    f"s3%3A%2F%2FAKIAEXAMPLE%3A{SECRET.replace('/', '%2F')}%40bucket/a.cif",
    f"a.cif?X-Amz-Signature={SECRET}",
    f"a.cif?X-Amz-Security-Token={SECRET}",
]
INNOCENT = [
    "a.cif",
    "folder/a b.cif",
    "a@b.cif",
    "x=1/y=2/a.cif",
    "what?.cif",
    "key=1.cif",
    "s3://bucket/a@b/c.cif",
    "s3://bucket/x=1/a.cif",
    "https://host:8080/a@b.cif",
    "hdfs://node:8020/a.cif",
    "sftp://host:22/a.cif",
]


def outcome(item: Item) -> str:
    return "read" if item.rejection is None else item.rejection.code.value


def items_of_list(folder: Path, content: bytes) -> list[Item]:
    (folder / "list.txt").write_bytes(content)
    return list(iter_items([f"@{folder / 'list.txt'}"], LIMITS))


def items_of_remote_list(content: bytes) -> list[Item]:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe({"/lines/list.txt": content, "/lines/a.cif": GOOD})
    return list(iter_items(["@memory://lines/list.txt"], LIMITS))


@pytest.mark.parametrize("line", CREDENTIALS)
def test_credentials_reach_no_row_and_no_message(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_bytes(GOOD)
    content = f"a.cif\n{line}\n".encode()
    for found in (items_of_list(tmp_path, content), items_of_remote_list(content)):
        assert [outcome(item) for item in found] == ["read", "unsafe-path"]
        told = repr(found)
        for part in (SECRET, SECRET.replace("/", ""), "AKIAEXAMPLE", "K7MDENG", "user:"):
            assert part not in told
        assert found[1].id == "list.txt line 2"
        assert found[1].source.endswith("list.txt::line 2")
    assert "K7MDENG" not in without_credentials(line)


@pytest.mark.parametrize("line", CREDENTIALS)
def test_credentials_on_the_command_line_reach_no_message(line: str) -> None:
    for call in (lambda: location(line), lambda: iter_items([line], LIMITS), lambda: iter_items([f"@{line}"], LIMITS)):
        with pytest.raises(InputError, match="credentials") as caught:
            call()
        assert "K7MDENG" not in str(caught.value)
    try:
        require(line)
    except InputError as error:
        assert "K7MDENG" not in str(error)  # noqa: PT017 - a URL is not looked up here, a path is


@pytest.mark.parametrize("line", INNOCENT)
def test_what_holds_none_is_left_alone(line: str) -> None:
    assert not holds_credentials(line)
    assert without_credentials(line) == line


UNUSABLE = {
    b"a\0b.cif": Code.UNSAFE_PATH,
    b"\0": Code.UNSAFE_PATH,
    b"x" * (LONGEST + 1): Code.UNREADABLE,
    b"x" * 10_000_000: Code.UNREADABLE,
    b"x" * 4000: Code.UNREADABLE,
    b"memory://lines/\xff.cif": Code.UNREADABLE,
    b"nosuch://bucket/a.cif": Code.UNSAFE_PATH,
    b"s3://": Code.UNSAFE_PATH,
    b"memory://lines/../a.cif": Code.UNSAFE_PATH,
}


@pytest.mark.parametrize("line", UNUSABLE, ids=lambda line: repr(line[:20]))
def test_a_line_that_cannot_be_used_is_a_row(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_bytes(GOOD)
    content = b"a.cif\n" + line + b"\na.cif\n"
    for found in (items_of_list(tmp_path, content), items_of_remote_list(content)):
        assert [outcome(item) for item in found] == ["read", UNUSABLE[line].value, "read"]
        assert all(len(item.id) < 300 and len(item.source) < 5_000 for item in found)


def test_a_name_that_is_no_utf8_is_read_here_and_refused_there(tmp_path: Path) -> None:
    try:
        (tmp_path / "a\udcff.cif").write_bytes(GOOD)
    except OSError:
        pytest.skip("this file system takes no such name")
    assert [outcome(item) for item in items_of_list(tmp_path, b"a\xff.cif\n")] == ["read"]
    assert [outcome(item) for item in items_of_remote_list(b"a\xff.cif\n")] == ["unreadable"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_byte_order_mark_is_no_part_of_the_first_entry(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "a.cif").write_bytes(GOOD)
    for first in (b"a.cif", b"# mine", b""):
        content = b"\xef\xbb\xbf" + first + end + b"a.cif" + end
        expected = ["read", "read"] if first == b"a.cif" else ["read"]
        assert [outcome(item) for item in items_of_list(tmp_path, content)] == expected
        assert [outcome(item) for item in items_of_remote_list(content)] == expected


def test_a_list_in_utf16_is_rows_that_ask_for_utf8(tmp_path: Path) -> None:
    found = items_of_list(tmp_path, "a.cif\nb.cif\n".encode("utf-16"))
    assert {outcome(item) for item in found} == {"unsafe-path"}
    assert all(item.rejection is not None and "UTF-8" in item.rejection.detail for item in found)


HIDING = ["\x1b[31m", "\x07", "\n", "\x85", "\x9b", "\x7f", "\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\udc9b"]


@pytest.mark.parametrize("mark", HIDING, ids=ascii)
def test_no_name_in_a_table_hides_what_it_is(mark: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"a{mark}fic.cif").write_bytes(rocksalt().encode())
    (tmp_path / "in" / f"b{mark}.cif").symlink_to(tmp_path / "nowhere")
    if not mark.startswith("\udc9b"):
        with zipfile.ZipFile(tmp_path / "in" / "c.zip", "w") as archive:
            archive.writestr(f"x/c{mark}fic.cif", GOOD)
            archive.writestr(f"../c{mark}fic.cif", GOOD)
    found = list(iter_items([str(tmp_path / "in")], LIMITS))
    assert len(found) >= 2
    texts = [item.id for item in found] + [item.source for item in found]
    texts += [one.source + one.id + one.detail for item in found if (one := item.rejection) is not None]
    for text in texts:
        assert not {unicodedata.category(letter) for letter in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_honest_names_are_shown_as_they_are() -> None:
    for name in ("a.cif", "folder/a b.cif", "Größe.cif", "結晶.cif", "x::y", "C:\\a.cif", "=1+1"):
        assert seen(name) == name
    assert seen("a\u202efic.exe") == "a\\u202efic.exe"
