"""Compiled kernels are kept by source, options, compiler and device; what is damaged or somebody else's is not used."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from screening.errors import EngineUnavailableError
from screening.features import source_text
from screening.gpu.compiled import OPTIONS, compile_with_nvrtc, cubin, default_cache


class Compiler:
    """Counts its calls."""

    def __init__(self) -> None:
        self.options: list[tuple[str, ...]] = []

    def __call__(self, source: str, options: tuple[str, ...]) -> bytes:
        assert "screening_periodic" in source
        self.options.append(options)
        return b"machine code " + options[-1].encode()


def compiled(folder: Path, compiler: Compiler, *, capability: tuple[int, int] = (9, 0), version: str = "13.0") -> bytes:
    return cubin(capability=capability, nvrtc_version=version, folder=folder, compile_=compiler)[0]


def test_the_second_start_compiles_nothing(tmp_path: Path) -> None:
    compiler, folder = Compiler(), tmp_path / "kernels"
    first = compiled(folder, compiler)
    assert cubin(capability=(9, 0), nvrtc_version="13.0", folder=folder, compile_=compiler) == (first, True)
    assert len(compiler.options) == 1
    assert compiler.options[0][-1] == "--gpu-architecture=sm_90"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_another_device_or_compiler_has_its_own(tmp_path: Path) -> None:
    compiler = Compiler()
    compiled(tmp_path, compiler)
    compiled(tmp_path, compiler, capability=(8, 6))
    compiled(tmp_path, compiler, version="12.9")
    assert len(compiler.options) == len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "damage", [lambda held: held[:-1], lambda held: b"", lambda held: held[:40] + b"X" + held[41:]]
)
def test_a_damaged_entry_is_compiled_anew(tmp_path: Path, damage: object) -> None:
    compiler = Compiler()
    whole = compiled(tmp_path, compiler)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))  # type: ignore[operator]
    assert compiled(tmp_path, compiler) == whole
    assert compiled(tmp_path, compiler) == whole
    assert len(compiler.options) == 2


def test_where_nothing_can_be_kept_it_is_compiled_each_time(tmp_path: Path) -> None:
    compiler = Compiler()
    (tmp_path / "file").write_text("in the way")
    compiled(tmp_path / "file", compiler)
    compiled(tmp_path / "file", compiler)
    assert len(compiler.options) == 2


def test_the_folder_is_the_users_or_a_temporary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_cache() == (Path("/home/somebody/.cache/screening/kernels"), True)
    monkeypatch.setenv("XDG_CACHE_HOME", "/scratch/cache")
    assert default_cache() == (Path("/scratch/cache/screening/kernels"), True)
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name)
    assert not default_cache()[1]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["75", "80", "90", "120"])
def test_nvrtc_takes_the_source(architecture: str) -> None:
    pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed", exc_type=ImportError)
    source = source_text("periodic/engine.cu")
    assert len(compile_with_nvrtc(source, (*OPTIONS, f"--gpu-architecture=sm_{architecture}"))) > 10_000


def test_what_does_not_compile_says_why() -> None:
    pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed", exc_type=ImportError)
    with pytest.raises(EngineUnavailableError, match="does not compile.*undefined"):
        compile_with_nvrtc("__global__ void f() { nothing(); }", (*OPTIONS, "--gpu-architecture=sm_80"))
