"""What may stand where a file is expected, and what may stand in it."""

import os

import pytest

from robot_mbrl.contract.errors import DataError, SpecError
from robot_mbrl.contract.files.read_file import (
    parse_json,
    parse_json_object,
    read_bytes,
    read_text,
    shown,
)


def test_text_with_or_without_a_byte_order_mark(tmp_path):
    for data in ("grün".encode(), b"\xef\xbb\xbf" + "grün".encode()):
        (tmp_path / "a").write_bytes(data)
        assert read_text(tmp_path / "a") == "grün"
    (tmp_path / "a").write_bytes(b"\xff")
    with pytest.raises(SpecError, match="cannot be read as UTF-8 text"):
        read_text(tmp_path / "a", SpecError)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path / "absent", "no such file"),
        (tmp_path, "it is a folder"),
        (tmp_path / "pipe", "it is a pipe or device"),
        ("/dev/zero", "it is a pipe or device"),
        (tmp_path / ("n" * 300), "File name too long"),
        ("a\0b", "null byte"),
    ):
        with pytest.raises(DataError, match=f"cannot be read.*{why}"):
            read_bytes(path)
    (tmp_path / "large").write_bytes(bytes(11))
    with pytest.raises(DataError, match="11 bytes, expected at most 10"):
        read_bytes(tmp_path / "large", most=10)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "9" * 5_000, b"\xff\xfe", b"\x00"])
def test_what_is_no_json(text):
    with pytest.raises(DataError, match=r"a\.json: broken JSON: "):
        parse_json(text, "a.json")


@pytest.mark.parametrize("text", ["[]", "1", "null", '"a"', "1" * 4_000])
def test_json_that_is_no_object(text):
    with pytest.raises(DataError, match="expected a JSON object") as caught:
        parse_json_object(text, "a.json")
    assert len(str(caught.value)) < 300


def test_a_message_is_short_whatever_it_shows():
    assert shown([1, "a"]) == "[1, 'a']"
    assert len(shown("x" * 10_000)) == 200
    assert shown(16**5_000) == "a int too large to show"
    assert len(shown([1] * 10_000)) == 200
