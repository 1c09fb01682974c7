import os
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware import port as port_module
from hardware.port import SerialPort, existing_ports, open_port
from robot_mbrl.contract.errors import LinkError, LinkTimeout


class Terminal:
    """A pseudo-terminal; `port` is what a client opens, `master` the device's end."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)

    def unplug(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            os.close(self._slave)
        self.master = -1


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.unplug()


@pytest.fixture
def line(terminal: Terminal) -> Iterator[SerialPort]:
    port = open_port(terminal.port, 921600)
    yield port
    port.close()


def test_bytes_go_both_ways(terminal: Terminal, line: SerialPort) -> None:
    line.write(b"\x00\x03\x11\x13\xff\n\r")
    assert os.read(terminal.master, 100) == b"\x00\x03\x11\x13\xff\n\r"
    os.write(terminal.master, b"\x04\x1a\x00")
    assert line.read(line.now() + 1.0) == b"\x04\x1a\x00"


def test_loop_url() -> None:
    port = open_port("loop://", 115200)
    port.write(b"echo")
    assert port.read(port.now() + 1.0) == b"echo"
    assert port.read(port.now() + 0.01) == b""
    port.close()


def test_spy_url_logs_both_ways(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    port = open_port(f"spy://{terminal.port}", 115200)
    port.write(b"hello")
    assert os.read(terminal.master, 100) == b"hello"
    os.write(terminal.master, b"answer")
    assert port.read(port.now() + 1.0) == b"answer"
    port.close()
    log = capsys.readouterr().err
    assert "hello" in log
    assert "answer" in log


@pytest.mark.realtime
def test_a_silent_line_returns_at_the_deadline(line: SerialPort) -> None:
    deadline = line.now() + 0.02
    assert line.read(deadline) == b""
    assert 0.0 <= time.monotonic() - deadline < 0.1


def test_a_deadline_in_the_past_still_takes_what_is_there(
    terminal: Terminal, line: SerialPort
) -> None:
    os.write(terminal.master, b"x")
    time.sleep(0.01)
    assert line.read(line.now() - 1.0) == b"x"


def test_unplugged_names_the_port(terminal: Terminal, line: SerialPort) -> None:
    terminal.unplug()
    with pytest.raises(LinkError, match=f"{terminal.port} is gone"):
        line.read(line.now() + 0.5)
    with pytest.raises(LinkError, match=f"{terminal.port} is gone"):
        line.write(b"x")


@pytest.mark.realtime
def test_a_line_that_takes_nothing_is_a_timeout(line: SerialPort) -> None:
    start = time.monotonic()
    with pytest.raises(LinkTimeout, match="takes no bytes"):
        for _ in range(1000):
            line.write(bytes(1000))
    assert time.monotonic() - start < 1.0


@pytest.mark.realtime
def test_a_host_that_sleeps_while_it_sends_does_not_blame_the_device(
    terminal: Terminal, line: SerialPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def sleepy(descriptor: int, data: bytes) -> int:
        sent = write(descriptor, data)
        time.sleep(0.05)  # longer than the write timeout
        return sent

    monkeypatch.setattr(os, "write", sleepy)
    line.write(b"\x01\x02")
    assert os.read(terminal.master, 10) == b"\x01\x02"


def test_a_closed_port_is_a_link_error(line: SerialPort) -> None:
    line.close()
    line.close()
    with pytest.raises(LinkError):
        line.read(line.now())
    with pytest.raises(LinkError):
        line.write(b"x")


def test_a_missing_port_lists_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_module, "existing_ports", lambda: ["/dev/serial/by-id/usb-Robot-if00"])
    with pytest.raises(LinkError, match=r"/dev/ttyNO.*usb-Robot-if00.*Plug the device in"):
        open_port("/dev/ttyNO", 115200)


def test_a_port_in_use_says_so(terminal: Terminal, line: SerialPort) -> None:
    with pytest.raises(LinkError, match="Close the other program"):
        open_port(terminal.port, 921600)


def test_no_permission_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    locked = tmp_path / "ttyACM0"
    locked.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LinkError, match="dialout"):
        open_port(str(locked), 115200)


@pytest.mark.parametrize("url", ["nonsense://x", "socket://127.0.0.1:1"])
def test_a_bad_url_is_a_link_error(url: str) -> None:
    with pytest.raises(LinkError, match="Known forms"):
        open_port(url, 115200)


def test_existing_ports_prefers_stable_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device, by_id = tmp_path / "ttyACM0", tmp_path / "by-id"
    device.touch()
    by_id.mkdir()
    (by_id / "usb-Maker_Robot_42-if00").symlink_to(device)

    class Found:
        def __init__(self, name: str) -> None:
            self.device = name

    monkeypatch.setattr(port_module, "BY_ID", by_id)
    ports = [Found(str(device)), Found("/dev/ttyS9")]
    monkeypatch.setattr(port_module.list_ports, "comports", lambda: ports)
    assert existing_ports() == sorted([str(by_id / "usb-Maker_Robot_42-if00"), "/dev/ttyS9"])
