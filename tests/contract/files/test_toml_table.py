"""Each wrong, missing or unknown key is named with its whole path and what is allowed."""

import math
from pathlib import Path
from typing import Any

import pytest

from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.toml_table import TomlTable, read_toml


def table(**data: Any) -> TomlTable:
    return TomlTable(data, source="robot.toml", path="motor")


def ask_number(t: TomlTable) -> float:
    return t.number("gain", 0.5, 20.0, "V")


@pytest.mark.parametrize(
    "wrong", ["3", True, [1.0], {}, math.nan, math.inf, -math.inf, 0.49, 20.01]
)
def test_wrong_number_is_named_with_value_range_and_unit(wrong: Any) -> None:
    with pytest.raises(SpecError) as caught:
        ask_number(table(gain=wrong))
    message = str(caught.value)
    assert message.startswith("robot.toml: motor.gain: expected a number from 0.5 to 20 V; got ")
    assert repr(wrong) in message


@pytest.mark.parametrize("right", [0.5, 20, 20.0, 7])
def test_number_within_its_closed_range_is_a_float(right: float) -> None:
    value = ask_number(table(gain=right))
    assert value == right
    assert isinstance(value, float)


@pytest.mark.parametrize("wrong", [2.0, "2", True, 0, 9])
def test_wrong_integer(wrong: Any) -> None:
    with pytest.raises(SpecError, match=r"motor\.count: expected an integer from 1 to 8; got"):
        table(count=wrong).integer("count", 1, 8)


@pytest.mark.parametrize("wrong", [0, 1, "true", None])
def test_wrong_flag(wrong: Any) -> None:
    with pytest.raises(SpecError, match=r"motor\.on: expected true or false"):
        table(on=wrong).flag("on")


@pytest.mark.parametrize("wrong", ["", 3, ["a"], "carbon"])
def test_wrong_choice_names_the_choices(wrong: Any) -> None:
    with pytest.raises(SpecError, match=r"motor\.kind: expected one of 'iron', 'tin'; got"):
        table(kind=wrong).text("kind", ("iron", "tin"))


@pytest.mark.parametrize(
    "wrong",
    [1.0, [1.0], [1, 2, 3], [2.0, 1.0], [-1.0, 1.0], [0.0, 11.0], [0.0, math.nan], [True, 2]],
)
def test_wrong_interval(wrong: Any) -> None:
    with pytest.raises(
        SpecError, match=r"motor\.span: expected \[a, b\] with 0 <= a <= b <= 10 rad"
    ):
        table(span=wrong).interval("span", 0, 10, "rad")


def test_interval_may_be_a_point() -> None:
    assert table(span=[3, 3]).interval("span", 0, 10) == (3.0, 3.0)


@pytest.mark.parametrize("wrong", [1, "x", []])
def test_wrong_table(wrong: Any) -> None:
    with pytest.raises(SpecError, match=r"motor\.inner: expected a table; got"):
        table(inner=wrong).table("inner")


@pytest.mark.parametrize("wrong", [[], {}, [1], "x"])
def test_wrong_array_of_tables(wrong: Any) -> None:
    with pytest.raises(SpecError, match=r"motor\.part: expected at least one \[\[part\]\] table"):
        table(part=wrong).tables("part")


def test_path_names_the_place_of_a_nested_key() -> None:
    inner = table(part=[{"a": 1}, {"b": {"c": 9}}]).tables("part")[1].table("b")
    with pytest.raises(
        SpecError, match=r"motor\.part\[1\]\.b\.c: expected a number from 0 to 1; got 9"
    ):
        inner.number("c", 0, 1)


@pytest.mark.parametrize(
    "ask",
    [
        ask_number,
        lambda t: t.integer("gain", 0, 3),
        lambda t: t.text("gain"),
        lambda t: t.flag("gain"),
        lambda t: t.interval("gain", 0, 1),
        lambda t: t.table("gain"),
        lambda t: t.tables("gain"),
    ],
)
def test_missing_key(ask: Any) -> None:
    with pytest.raises(SpecError, match=r"motor\.gain: expected .*; the key is missing"):
        ask(table(other=1))


def test_defaults_stand_in_for_missing_keys_only() -> None:
    assert table().number("gain", 0, 1, default=0.0) == 0.0
    assert table().flag("on", default=False) is False
    assert table().integer("n", 0, 3, default=0) == 0
    assert table(gain=1).number("gain", 0, 1, default=0.5) == 1.0


def test_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    t = table(gain=1, latency_sm=3)
    t.number("gain", 0, 9)
    t.number("latency_ms", 0, 9, default=1.0)
    with pytest.raises(SpecError) as caught:
        t.finish()
    message = str(caught.value)
    assert "motor.latency_sm: unknown key; did you mean 'latency_ms'?" in message
    assert "Known here: gain, latency_ms" in message


def test_finish_is_silent_when_every_key_was_read() -> None:
    t = table(gain=1)
    t.number("gain", 0, 9)
    t.finish()
    whole = table(a=1, b=2)
    assert whole.raw() == {"a": 1, "b": 2}
    whole.finish()


def test_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "robot.toml"
    file.write_text("[robot]\nname = \n")
    with pytest.raises(SpecError, match=r"robot\.toml: not valid TOML: .*line 2"):
        read_toml(file)
    file.write_bytes(b"name = '\xff'")
    with pytest.raises(SpecError, match=r"robot\.toml: cannot be read as UTF-8 text"):
        read_toml(file)
    with pytest.raises(SpecError, match="no such file"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(SpecError, match="cannot be read"):
        read_toml(tmp_path)
