"""Output of native code, kept from the terminal; the program's own goes through."""

from __future__ import annotations

import subprocess
import sys

START = """
import ctypes, os, sys
from rich.console import Console
from screening.host import native_output_held
libc = ctypes.CDLL(None)
console = Console(stderr=True)
def noise():
    os.write(2, b"1 warning generated.\\n"); os.write(1, b"native\\n"); libc.puts(b"native through stdio")
"""


def ran(code: str, *, redirect: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START + code]
    if redirect:
        command = ["sh", "-c", f'exec "$0" "$@" {redirect}', *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


HELD = """
print("before")
with native_output_held() as held:
    noise()
    print("ours"); console.print("told"); sys.stderr.write("raw")
    noise()
    libc.fflush(None)
    held.seek(0)
    inside = held.read()
print("after"); libc.puts(b"native again"); libc.fflush(None)
assert inside.count(b"1 warning generated.") == 2, inside
assert sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
"""


def test_native_output_is_held_and_ours_is_not() -> None:
    done = ran(HELD)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n")) == ["", "after", "before", "native again", "ours"]
    assert done.stderr == "told\nraw"


def test_a_bar_goes_on_meanwhile() -> None:
    """A live display puts streams of its own in place of Python's; what it draws must not be held."""
    code = """
from rich.progress import Progress
with Progress(console=Console(stderr=True, force_terminal=True)) as bar:
    task = bar.add_task("crystals", total=3)
    with native_output_held():
        noise()
        bar.update(task, advance=3, description="drawn meanwhile"); bar.refresh()
        drawn = True
    os.write(2, b"[end of block]")
"""
    done = ran(code)
    assert done.returncode == 0, done.stderr
    assert "drawn meanwhile" in done.stderr.partition("[end of block]")[0]
    assert "warning generated" not in done.stderr
    assert "native" not in done.stdout


def test_what_was_held_is_told_where_the_block_fails() -> None:
    done = ran("with native_output_held():\n    noise()\n    raise RuntimeError('of the block')")
    assert done.returncode == 1
    assert "1 warning generated." in done.stderr
    assert "native through stdio" in done.stderr
    assert "RuntimeError: of the block" in done.stderr
    assert done.stdout == ""


def test_closed_descriptors_stay_closed() -> None:
    code = """
with native_output_held():
    try: noise()
    except OSError: pass
try: os.fstat(1)
except OSError: os._exit(7)
"""
    assert ran(code, redirect=">&-").returncode == 7
