"""The documentation: its code runs, its commands parse, its settings hold, and its pages build without a network."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import typer
from paths import ROOT

from screening.cli import app
from screening.config import read_config

UsageError: Any = typer.BadParameter.__base__  # of the click that typer carries

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
RUN_LANGUAGES = ("python", "sh", "toml")
OTHER_LANGUAGES = ("text",)  # what is shown, not run
# Programs that pages name beside our own; they are not run here.
PROGRAMS = frozenset(
    ". apptainer cd conda cp docker git kubectl mamba mkdir nvidia-smi pip printf python3 sbatch scripts/setup".split()
)


# Pages whose commands featurize and train again; the tutorial, which does so too, always runs.
# What a test of the tutorial makes smaller, so that it takes seconds: fewer candidates and trees.
SMALLER = {"generate -n 100": "generate -n 40", "seeds = 2": "seeds = 1\ntrees = 30\n\n[cluster]\nworkers = 1"}
SLOW_PAGES = frozenset({"other-ions.md", "own-labels.md", "own-pipeline.md", "ranking.md", "series.md"})


def _hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pages", ROOT / "scripts" / "docs_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOK = _hook()


class Block(NamedTuple):
    """A fenced piece of a page."""

    page: Path
    line: int
    language: str
    said: str  # "run", "not run: why", or ""
    code: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: match.start()].count("\n") + 1, match["language"], match["said"] or "", match["code"])
        for match in HOOK.FENCE.finditer(text)
    ]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def environment() -> dict[str, str]:
    """This interpreter's commands first."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "agg"}


def smaller(block: Block) -> Block:
    """The block with less to compute."""
    code = block.code
    for before, after in SMALLER.items():
        code = code.replace(before, after)
    return block._replace(code=code)


def execute(page: Path, folder: Path) -> int:
    """Run what a page says is run, in order, in one folder and one namespace; return how many blocks ran."""
    space: dict[str, Any] = {"__name__": "__docs__"}
    ran = 0
    for block in map(smaller, blocks(page)):
        if block.language == "python" and not block.said.startswith("not run"):
            code = "\n" * block.line + block.code  # so that a traceback names the line of the page
            exec(compile(code, str(page), "exec"), space)
        elif block.said == "run":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.code],
                cwd=folder,
                env=environment(),
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, f"{name(page)}:{block.line}\n{done.stdout}{done.stderr}"
        else:
            continue
        ran += 1
    return ran


@pytest.fixture(scope="module")
def after_tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the tutorial leaves behind, with the few files that other pages name."""
    folder = tmp_path_factory.mktemp("docs")
    before = Path.cwd()
    backend = os.environ.get("MPLBACKEND")
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "agg"
    tutorial = ROOT / "docs" / "tutorial.md"
    assert all(tutorial.read_text(encoding="utf-8").count(words) == 1 for words in SMALLER)
    try:
        assert execute(tutorial, folder) >= 15
        for copy in ("crystal.cif", "Li6PS5Cl.cif"):
            shutil.copy("known/Li6PS5Cl.cif", copy)
        yield folder
    finally:
        os.chdir(before)
        if backend is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = backend


def test_the_tutorial_leaves_a_run(after_tutorial: Path) -> None:
    assert (after_tutorial / "RUN" / "report.html").stat().st_size > 10_000
    assert (after_tutorial / "barcode.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    assert len((after_tutorial / "RUN" / "ranking.csv").read_text(encoding="utf-8").splitlines()) == 41


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=[pytest.mark.slow] if page.name in SLOW_PAGES else [])
        for page in PAGES
        if page.name != "tutorial.md" and any(b.language == "python" or b.said == "run" for b in blocks(page))
    ],
)
def test_the_code_of_a_page_runs(page: Path, after_tutorial: Path) -> None:
    wanted = [block for block in blocks(page) if block.language == "python" or block.said == "run"]
    left_out = sum(block.said.startswith("not run") for block in wanted)
    assert execute(page, after_tutorial) == len(wanted) - left_out


def commands(block: Block) -> list[list[str]]:
    """The commands of a shell block, word by word, without comments; continued lines joined."""
    lines = block.code.replace("\\\n", " ").splitlines()
    parts = [shlex.split(line, comments=True) for line in lines]
    found = []
    for words in parts:
        start = 0
        for index, word in enumerate([*words, "&&"]):
            if word in ("&&", "||", "|", ";"):
                found.append(words[start:index])
                start = index + 1
    return [words for words in found if words]


SHELL = [
    (block, words) for page in PAGES for block in blocks(page) if block.language == "sh" for words in commands(block)
]


def command_names() -> list[str]:
    group: Any = typer.main.get_command(app)
    return list(group.commands)


def inner(words: list[str]) -> list[str]:
    """The command inside another, such as sbatch --wrap "screening …" or docker run image screening …."""
    if "--wrap" in words:
        return shlex.split(words[words.index("--wrap") + 1])
    return words


def parse(words: list[str]) -> None:
    """Take a command apart as `screening` itself would; unknown options, wrong values, missing arguments raise."""
    group: Any = typer.main.get_command(app)
    assert words[1] in group.commands, f"there is no command {words[1]}"
    group.commands[words[1]].make_context(words[1], list(words[2:])).close()


@pytest.mark.parametrize(
    ("block", "words"), SHELL, ids=[f"{name(block.page)}:{block.line} {' '.join(words)[:60]}" for block, words in SHELL]
)
def test_a_command_of_a_page_is_one(block: Block, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # files such as configs/laptop.toml are named from there
    words = inner(words)
    if words[0] == "screening" and not words[1].startswith("--"):
        parse(words)
    elif words[0].startswith("scripts/"):
        assert os.access(ROOT / words[0], os.X_OK)
    else:
        assert words[0] in PROGRAMS or "=" in words[0], f"{words[0]} is no known program"
        for index, word in enumerate(words):
            if (
                word == "screening"
                and index
                and words[0] in ("docker", "apptainer")
                and words[index + 1 :][:1] == ["run"]
            ):
                parse(words[index:])


def test_what_is_no_command_is_seen() -> None:
    for wrong in ("screening rum x", "screening run x", "screening run x --labels l --out o --ionn Na"):
        with pytest.raises((AssertionError, UsageError)):
            parse(shlex.split(wrong))


SETTINGS = [block for page in PAGES for block in blocks(page) if block.language == "toml"]


@pytest.mark.parametrize("block", SETTINGS, ids=lambda block: f"{name(block.page)}:{block.line}")
def test_settings_of_a_page_hold(block: Block, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(block.code, encoding="utf-8")
    read_config(tmp_path / "settings.toml", {})


def test_every_block_is_of_a_language_that_is_looked_at() -> None:
    found = {(name(block.page), block.language) for page in PAGES for block in blocks(page)}
    strange = {where for where in found if where[1] not in (*RUN_LANGUAGES, *OTHER_LANGUAGES)}
    assert not strange
    for page in PAGES:  # and none escapes the pattern
        text = page.read_text(encoding="utf-8")
        opened = len(re.findall(r"^ *```\w+$", text, re.MULTILINE))
        indented = len(re.findall(r"^ +```\w+$", text, re.MULTILINE))
        assert opened - indented == len(blocks(page)), page


def test_the_notebook_is_the_page() -> None:
    expected = HOOK.notebook(HOOK.TUTORIAL.read_text(encoding="utf-8"))
    assert HOOK.NOTEBOOK.read_text(encoding="utf-8") == expected, "run: python scripts/docs_pages.py"
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here; install screening[docs]")
    nbformat.validate(nbformat.reads(expected, as_version=4))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter's own
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here; install screening[docs]")
    nbclient = pytest.importorskip("nbclient", reason="no nbclient here; install screening[docs]")
    pytest.importorskip("ipykernel", reason="no ipykernel here; install screening[docs]")
    monkeypatch.setenv("PATH", environment()["PATH"])
    monkeypatch.delenv("MPLBACKEND", raising=False)  # which the pages' code runs under; a notebook draws into itself
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    work = tmp_path / "work"
    work.mkdir()
    read = nbformat.read(HOOK.NOTEBOOK, as_version=4)
    done = nbclient.NotebookClient(read, timeout=300, resources={"metadata": {"path": str(work)}}).execute()
    shown = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in shown if output.output_type == "error"]
    pages = [output.data["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert any("RUN: 207 found, 100 ranked" in page for page in pages)  # how a run shows itself
    assert any("image/png" in output.get("data", {}) for output in shown)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built with every warning an error."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module, reason=f"no {module} here; install screening[docs]")
    folder = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return folder


def test_the_pages_ask_nothing_of_a_network(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loads = re.findall(r'<(?:script|img|iframe|source)[^>]*\ssrc="([^"]+)"', text)
        loads += re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect|preload|icon)"[^>]*>', text)
        assert loads, page
        assert not [load for load in loads if "http:" in load or "https:" in load or '"//' in load], page
    for sheet in site.rglob("*.css"):
        assert not re.findall(r"url\([\"']?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet


def test_the_reference_is_made_from_the_source(site: Path) -> None:
    python = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for said in ("screening.notebook.load", "get_feature_names_out", "half open", "The finished RUN"):
        assert re.search(said, python, re.IGNORECASE), said
    shown = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    for command in command_names():
        assert f"screening {command}" in shown
    assert "--per-prototype" in shown
    settings = re.sub(r"<[^>]+>", "", (site / "reference" / "settings.html").read_text(encoding="utf-8"))
    assert "max_file_bytes = 20000000" in settings
    assert (site / "configs" / "laptop.toml").read_bytes() == (ROOT / "configs" / "laptop.toml").read_bytes()


@pytest.mark.slow
def test_search_works_from_disk(site: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: the pages are not opened")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium here: the pages are not opened")
    asked: list[str] = []
    told: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: told.append(str(error)))
        for path in sorted(site.rglob("*.html")):
            if path.name != "404.html":  # which a server shows, with addresses from its root
                page.goto(path.as_uri())
        page.goto((site / "index.html").as_uri())
        page.click(".md-search__input")
        page.keyboard.type("percolation")
        page.wait_for_selector(".md-search-result__item", timeout=20_000)
        found = page.inner_text(".md-search-result__list")
        for title in ("What the columns mean", "Persistent homology of an infinite crystal", "Findings"):
            assert title in found
        browser.close()
    assert told == []
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "about:", "data:"))] == []
