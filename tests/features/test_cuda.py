"""The CUDA kernels: their own source on the host against array formulas, and compiled for every architecture."""

from __future__ import annotations

import ast
import ctypes
import inspect
import itertools
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from device_arrays import Device, HostCupy
from made_bars import cut_back, random_bars
from paths import CUDA_HOST

import screening.features.cuda
import screening.features.curves
from screening.config import read_config
from screening.crystals.crystal import CloudBatch
from screening.errors import DeviceUnavailableError, MissingExtraError
from screening.features import cuda
from screening.features.curves import vectorize
from screening.homology.percolation import PercolationRanks

SIZES = (0, 1, 31, 32, 33, 255, 256, 257, 5000)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernels compiled for the host, without fused operations."""
    built = tmp_path_factory.mktemp("kernels") / "kernels.so"
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run(
        ["c++", *flags, "-I", str(cuda.source()), str(CUDA_HOST / "kernels_host.cpp"), "-o", str(built)], check=True
    )
    return ctypes.CDLL(str(built))


@pytest.fixture
def xp(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostCupy]:
    stand_in = HostCupy(library)
    monkeypatch.setattr(cuda, "_cupy", lambda: stand_in)
    cuda._kernel.cache_clear()
    cuda._module.cache_clear()
    yield stand_in
    cuda._kernel.cache_clear()
    cuda._module.cache_clear()


def ragged(rng: np.random.Generator, size: int, *, clouds: int = 7) -> np.ndarray:
    """Offsets of `size` items over clouds, of which some are empty."""
    cuts = np.sort(rng.integers(0, size + 1, clouds - 3))
    return np.concatenate([[0, 0], cuts, [size, size]]).astype(np.int64)


def bars_of(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    birth = rng.integers(0, 50, size)
    return birth, birth + rng.integers(0, 30, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_radii", [0, 1, 40])
def test_bars_alive(xp: HostCupy, size: int, n_radii: int) -> None:
    rng = np.random.default_rng(size)
    birth, death = bars_of(rng, size)
    offsets, radii = ragged(rng, size), np.sort(rng.integers(0, 80, n_radii))
    found = xp.asnumpy(cuda.count_alive(*map(xp.asarray, (birth, death, offsets, radii))))
    wanted = np.array(
        [
            [((birth[a:b] <= radius) & (radius < death[a:b])).sum() for radius in radii]
            for a, b in itertools.pairwise(offsets)
        ],
        dtype=np.int64,
    ).reshape(len(offsets) - 1, n_radii)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_bins", [1, 8])
def test_bars_in_bins(xp: HostCupy, size: int, n_bins: int) -> None:
    rng = np.random.default_rng(size)
    birth, death = bars_of(rng, size)
    edges = np.concatenate([[0], np.sort(rng.choice(np.arange(1, 80), n_bins - 1, replace=False)), [80]])
    group = rng.integers(0, 5, size)
    given = map(xp.asarray, (birth, death, group, edges.astype(np.int64)))
    found = xp.asnumpy(cuda.count_in_bins(*given, n_groups=5))
    wanted = np.zeros((5, n_bins, n_bins), dtype=np.int64)
    for b, d, g in zip(birth, death, group, strict=True):
        row = min(int(np.searchsorted(edges, b, side="right")) - 1, n_bins - 1)
        column = min(int(np.searchsorted(edges, d - b, side="right")) - 1, n_bins - 1 - row)
        wanted[g, row, column] += 1
    np.testing.assert_array_equal(found, wanted)
    assert found.sum() == size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("n_bins", [0, 1, 7])
def test_bars_spread_over_bins(xp: HostCupy, size: int, n_bins: int) -> None:
    rng = np.random.default_rng(size)
    born, lived = rng.random((2, size, n_bins))
    dim, offsets = rng.integers(0, 3, size), ragged(rng, size)
    given = map(xp.asarray, (born, lived, dim, offsets))
    found = xp.asnumpy(cuda.spread_over_bins(*given, n_dims=3))
    np.testing.assert_array_equal(found, spread(born, lived, dim, offsets))


def spread(born: np.ndarray, lived: np.ndarray, dim: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    wanted = np.zeros((len(offsets) - 1, 3, born.shape[1], born.shape[1]))
    for cloud, (a, b) in enumerate(itertools.pairwise(offsets)):
        for bar in range(a, b):
            wanted[cloud, dim[bar]] += np.outer(born[bar], lived[bar])
    return wanted


@pytest.mark.parametrize("blocks", [1, 3])
def test_kernels_stride_over_what_is_beyond_their_blocks(
    xp: HostCupy, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    monkeypatch.setattr(cuda, "MAX_BLOCKS", blocks)
    for size in (256, 257, 5000):
        test_bars_alive(xp, size, 400)
        test_bars_in_bins(xp, size, 8)
        test_bars_spread_over_bins(xp, size, 7)


@pytest.mark.parametrize("sigma", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(5))
def test_vectorize_with_kernels_gives_the_bits_of_numpy(xp: HostCupy, seed: int, sigma: float) -> None:
    curves = {"histogram": True, "histogram_sigma": sigma}
    config = read_config(None, {"cloud": {"channels": ["mobile"]}, "curves": curves})
    bars = cut_back(random_bars(seed), np.array([8.0, 3.0, 8.0, 8.0, 8.0]))
    clouds = CloudBatch.from_clouds([(np.eye(3) * 5, np.zeros((1, 3)), np.ones(1))] * 5)
    events = PercolationRanks(np.zeros(5), np.tile([1, 0, 0, 0], (5, 1)), np.arange(6), np.ones(5))
    batch = {"mobile": clouds}, {"mobile": bars}, {"mobile": events}
    found = vectorize(config, *batch, xp=xp)
    assert xp.launches.count("screening_count_alive") == 3
    assert ("screening_count_in_bins" in xp.launches) == (sigma == 0)
    assert ("screening_spread_over_bins" in xp.launches) == (sigma > 0)
    np.testing.assert_array_equal(found, vectorize(config, *batch))


def test_wrong_arrays_are_refused_before_a_launch(xp: HostCupy) -> None:
    whole = xp.asarray(np.arange(4))
    with pytest.raises(TypeError, match="birth must be int64, not float64"):
        cuda.count_alive(xp.asarray(np.arange(4.0)), whole, whole, whole)
    with pytest.raises(TypeError, match="radii must be int64, not int32"):
        cuda.count_alive(whole, whole, whole, xp.asarray(np.arange(4, dtype=np.int32)))
    with pytest.raises(ValueError, match="death must be contiguous"):
        cuda.count_alive(whole, xp.asarray(np.arange(8))[::2], whole, whole)
    with pytest.raises(ValueError, match="birth must have 1 dimension, not 2"):
        cuda.count_alive(xp.asarray(np.zeros((4, 2), dtype=np.int64)), whole, whole, whole)
    with pytest.raises(ValueError, match="no bars"):
        cuda.count_alive(whole, xp.asarray(np.arange(3)), whole, whole)
    for offsets in ([], [1, 4], [0, 3], [0, 5], [0, 9, 4]):
        with pytest.raises(ValueError, match="offsets must ascend from 0 to the number of items, 4"):
            cuda.count_alive(whole, whole, xp.asarray(np.array(offsets, dtype=np.int64)), whole)
    with pytest.raises(ValueError, match="born must have 2 dimensions, not 1"):
        cuda.spread_over_bins(xp.asarray(np.zeros(4)), xp.asarray(np.zeros(4)), whole, whole, n_dims=1)
    shares = xp.asarray(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="no bars"):
        cuda.spread_over_bins(shares, xp.asarray(np.zeros((4, 3))), whole, whole, n_dims=1)
    with pytest.raises(ValueError, match="1 edges"):
        cuda.count_in_bins(whole, whole, whole, xp.asarray(np.arange(1)), n_groups=4)
    assert xp.launches == []


def test_a_module_is_compiled_once(xp: HostCupy, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []
    build = xp.RawModule

    def counted(**given: Any) -> Any:
        compiled.append(1)
        return build(**given)

    monkeypatch.setattr(xp, "RawModule", counted)
    whole, offsets = xp.asarray(np.arange(4)), xp.asarray(np.array([0, 4]))
    for _ in range(3):
        cuda.count_alive(whole, whole, offsets, whole)
        cuda.count_in_bins(whole, whole, whole, whole, n_groups=4)
    assert compiled == [1]


def test_without_cupy_or_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    whole = np.arange(4)
    with pytest.raises(MissingExtraError, match=r"screening\[gpu\]"):
        cuda.count_alive(whole, whole, whole, whole)
    monkeypatch.setitem(__import__("sys").modules, "cupy", type("none", (), {"is_available": staticmethod(bool)}))
    with pytest.raises(DeviceUnavailableError, match="screening doctor"):
        cuda.count_alive(whole, whole, whole, whole)


# Compiled for the architectures there are.


def test_the_text_holds_every_header_once() -> None:
    text = cuda.source_text()
    assert "#include" not in text
    for header in cuda.source().glob("*.cuh"):
        body = [line for line in header.read_text().splitlines() if not line.startswith("#") and line]
        assert all(line in text.splitlines() for line in body), header
    assert text.count("typedef long long Index;") == 1


EVERY = pytest.param(True, marks=pytest.mark.slow)  # the oldest and the newest stand for all in a quick run


def compiler() -> Any:
    """NVRTC as CuPy finds it, whatever its wheel is called; the test is skipped where there is none."""
    from cupy_backends.cuda.libs import nvrtc

    try:
        nvrtc.getVersion()
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    return nvrtc


@pytest.mark.parametrize("every", [False, EVERY], ids=["ends", "all"])
def test_nvrtc_compiles_for_every_architecture_it_knows(every: bool) -> None:
    pytest.importorskip("cupy", reason="CuPy is not installed")
    nvrtc = compiler()
    wanted = [number for number in nvrtc.getSupportedArchs() if number >= 70]
    assert {80, 90} <= set(wanted)
    for number in wanted if every else (wanted[0], wanted[-1]):
        program = nvrtc.createProgram(cuda.source_text(), "kernels.cu", [], [])
        nvrtc.compileProgram(program, [f"--gpu-architecture=sm_{number}", "-std=c++17", "--fmad=false"])
        assert nvrtc.getCUBIN(program)[:4] == b"\x7fELF"


def test_no_product_and_sum_are_fused() -> None:
    pytest.importorskip("cupy", reason="CuPy is not installed")
    nvrtc = compiler()
    program = nvrtc.createProgram(cuda.source_text(), "kernels.cu", [], [])
    nvrtc.compileProgram(program, ["--gpu-architecture=compute_80", *cuda.OPTIONS])
    code = nvrtc.getPTX(program).decode()
    assert "mul" in code
    assert "fma.rn.f64" not in code


@pytest.mark.parametrize("every", [False, EVERY], ids=["newest", "all"])
def test_nvcc_compiles_for_every_architecture_it_knows(tmp_path: Path, every: bool) -> None:
    if not shutil.which("nvcc"):
        pytest.skip("nvcc is not installed")
    listed = subprocess.run(["nvcc", "--list-gpu-code"], capture_output=True, text=True, check=True).stdout.split()
    names = [name for name in listed if int(name[3:]) >= 70]
    codes = [f"-gencode=arch=compute_{name[3:]},code={name}" for name in (names if every else names[-1:])]
    out = tmp_path / "kernels.fatbin"
    source = cuda.source() / "kernels.cu"
    flags = ["-std=c++17", "--fmad=false", "-Werror", "all-warnings", "-fatbin", "-o", str(out)]
    subprocess.run(["nvcc", *codes, *flags, str(source)], check=True)
    assert out.stat().st_size > 10_000


def calls_of(module: ModuleType, names: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Dotted names called on `xp` or `cupy`, with their keywords."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.Call):
            continue
        dotted, function = [], node.func
        while isinstance(function, ast.Attribute):
            dotted.append(function.attr)
            function = function.value
        if dotted and isinstance(function, ast.Name) and function.id in names:
            yield ".".join(reversed(dotted)), {word.arg for word in node.keywords if word.arg}


def test_every_array_call_exists_in_cupy_with_its_keywords() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    calls = [*calls_of(screening.features.curves, {"xp"}), *calls_of(screening.features.cuda, {"cupy"})]
    assert len(calls) > 20
    for dotted, words in calls:
        found = cupy
        for part in dotted.split("."):
            found = getattr(found, part)
        try:
            known = inspect.signature(found).parameters
        except ValueError:  # a ufunc of CuPy's own
            assert not words, dotted
            continue
        takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values())
        assert takes_any or words <= set(known), (dotted, words)


@pytest.mark.parametrize("module", [screening.features.curves, screening.features.cuda])
def test_every_method_of_an_array_exists_in_cupy(module: ModuleType) -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    tree = ast.parse(inspect.getsource(module))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & set(dir(np.ndarray))
    assert {"shape", "astype"} & read
    assert read <= set(dir(cupy.ndarray))


@pytest.mark.gpu
def test_kernels_on_a_device(library: ctypes.CDLL) -> None:
    import cupy

    for size in SIZES:
        rng = np.random.default_rng(size)
        birth, death = bars_of(rng, size)
        offsets, radii = ragged(rng, size), np.sort(rng.integers(0, 80, 40))
        given = (birth, death, offsets, radii)
        found = cupy.asnumpy(cuda.count_alive(*map(cupy.asarray, given)))
        alive = [
            [((birth[a:b] <= radius) & (radius < death[a:b])).sum() for radius in radii]
            for a, b in itertools.pairwise(offsets)
        ]
        np.testing.assert_array_equal(found, alive)
        born, lived = rng.random((2, size, 7))
        dim = rng.integers(0, 3, size)
        found = cupy.asnumpy(cuda.spread_over_bins(*map(cupy.asarray, (born, lived, dim, offsets)), n_dims=3))
        np.testing.assert_array_equal(found, spread(born, lived, dim, offsets))


@pytest.mark.gpu
@pytest.mark.parametrize("sigma", [0.0, 0.4])
def test_vectorize_on_a_device(sigma: float) -> None:
    import cupy

    curves = {"histogram": True, "histogram_sigma": sigma}
    config = read_config(None, {"cloud": {"channels": ["mobile"]}, "curves": curves})
    bars = cut_back(random_bars(1), np.array([8.0, 3.0, 8.0, 8.0, 8.0]))
    clouds = CloudBatch.from_clouds([(np.eye(3) * 5, np.zeros((1, 3)), np.ones(1))] * 5)
    events = PercolationRanks(np.zeros(5), np.tile([1, 0, 0, 0], (5, 1)), np.arange(6), np.ones(5))
    batch = {"mobile": clouds}, {"mobile": bars}, {"mobile": events}
    np.testing.assert_array_equal(vectorize(config, *batch, xp=cupy), vectorize(config, *batch))


def test_the_stand_in_keeps_cupys_rules(xp: HostCupy) -> None:
    with pytest.raises(TypeError, match="host array"):
        xp.cumsum(np.zeros(2))
    assert isinstance(xp, Device)
