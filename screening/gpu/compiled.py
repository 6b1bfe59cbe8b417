"""The engine's CUDA source, compiled where it runs and kept: a folder of the user's, one file a device and version."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from screening.features import source_text

OPTIONS = ("-std=c++17", "--fmad=false", "-default-device")
_DIGEST = 32  # bytes before the program: SHA-256 of it


def default_cache() -> tuple[Path, bool]:
    """Return the folder for compiled kernels, and whether it outlives this machine's temporary files."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME")
    if home and Path(home).is_absolute():
        base = Path(home) if os.environ.get("XDG_CACHE_HOME") else Path(home) / ".cache"
        return base / "screening" / "kernels", True
    return Path(tempfile.gettempdir()) / f"screening-kernels-{os.getuid()}", False


def cubin(
    *, capability: tuple[int, int], nvrtc_version: str, folder: Path, compile_: Callable[[str, tuple[str, ...]], bytes]
) -> tuple[bytes, bool]:
    """Return the machine code of the engine for a compute capability, and whether it came from the folder.

    Parameters
    ----------
    capability
        Major and minor.
    nvrtc_version
        Part of what names the entry.
    folder
        Of entries; made with mode 0700. Where it cannot be written, nothing is kept.
    compile_
        Called with the source and the options where there is no sound entry.
    """
    source = source_text("periodic/engine.cu")
    options = (*OPTIONS, f"--gpu-architecture=sm_{capability[0]}{capability[1]}")
    key = hashlib.sha256("\0".join((source, *options, nvrtc_version)).encode()).hexdigest()
    entry = folder / f"{key}.cubin"
    kept = _read(entry)
    if kept is not None:
        return kept, True
    program = compile_(source, options)
    _write(entry, program)
    return program, False


def _read(entry: Path) -> bytes | None:
    """Return the program of an entry, None where there is none or it is damaged or somebody else's."""
    try:
        if entry.parent.stat().st_uid != os.getuid() or entry.stat().st_uid != os.getuid():
            return None
        held = entry.read_bytes()
    except OSError:
        return None
    digest, program = held[:_DIGEST], held[_DIGEST:]
    return program if program and hashlib.sha256(program).digest() == digest else None


def _write(entry: Path, program: bytes) -> None:
    try:
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=entry.parent, delete=False) as file:
            file.write(hashlib.sha256(program).digest() + program)
        Path(file.name).replace(entry)
    except OSError:
        return  # compiled anew next time


def compile_with_nvrtc(source: str, options: tuple[str, ...]) -> bytes:
    """Return the machine code that NVRTC makes of a source.

    Raises
    ------
    EngineUnavailableError
        It does not compile; the message holds NVRTC's own.
    """
    from cupy_backends.cuda.libs import nvrtc

    from screening.errors import EngineUnavailableError

    program = nvrtc.createProgram(source, "screening_periodic.cu", [], [])
    try:
        nvrtc.compileProgram(program, list(options))
        found: bytes = nvrtc.getCUBIN(program)
    except nvrtc.NVRTCError as error:
        log = nvrtc.getProgramLog(program)
        raise EngineUnavailableError(f"the CUDA source of the exact engine does not compile: {error}: {log}") from error
    finally:
        nvrtc.destroyProgram(program)
    return found
