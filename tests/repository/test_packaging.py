"""What is said of the package in several places agrees, and pages of the repository keep their width."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import screening

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").exists())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
# `${{ … }}` of the recipe is no YAML value by itself where it begins one; here it is a word like others.
RECIPE = yaml.safe_load(re.sub(r"\$\{\{(.*?)\}\}", r"<\1>", (ROOT / "conda" / "recipe.yaml").read_text()))
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("changelog.d/*.md"),
                ROOT / "kernels" / "README.md"})  # fmt: skip
WIDTH = 120


def test_one_version() -> None:
    assert PROJECT["version"] == screening.__version__ == str(CITATION["version"]) == RECIPE["context"]["version"]


def test_one_address_and_licence() -> None:
    source = PROJECT["urls"]["Source"]
    assert CITATION["repository-code"] == source == RECIPE["about"]["homepage"]
    assert PROJECT["license"] == CITATION["license"] == RECIPE["about"]["license"] == "Apache-2.0"
    hosts = {re.sub(r"https://([^/]+).*", r"\1", url) for url in PROJECT["urls"].values()}
    assert len(hosts) == 1 or not any(host.endswith(".example") for host in hosts)  # replaced together


def test_metadata_is_what_an_index_asks_for() -> None:
    assert PROJECT["authors"]
    assert len(PROJECT["keywords"]) >= 5
    pythons = [text for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)]
    assert pythons == [f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)]
    assert PROJECT["requires-python"] == ">=3.11,<3.14"


def test_the_recipe_asks_for_what_the_package_asks_for() -> None:
    def split(requirement: str) -> tuple[str, str]:
        match = re.fullmatch(r"([A-Za-z0-9_-]+) ?(.*)", requirement)
        assert match, requirement
        return match[1].replace("matplotlib-base", "matplotlib"), match[2]

    wanted = dict(split(text) for text in PROJECT["dependencies"])
    del wanted["redzed-tda"]  # on PyPI alone; the recipe says so
    found = dict(split(text) for text in RECIPE["requirements"]["run"])
    assert found.pop("python") == PROJECT["requires-python"]
    assert found == wanted


def test_the_citation_has_what_its_format_asks_for() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(CITATION)


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_a_form_is_one(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "config.yml":
        return
    assert {"name", "description", "body"} <= set(form)
    assert all(part["type"] in ("markdown", "textarea", "input", "dropdown", "checkboxes") for part in form["body"])
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids))


def test_fragments_are_of_a_kind() -> None:
    kinds = {
        kind["directory"] for kind in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    }
    for path in (ROOT / "changelog.d").glob("*.md"):
        assert path.name == "README.md" or path.name.split(".")[-2] in kinds, path


def wide_lines(page: str) -> list[str]:
    """The lines that are too long, but for a link alone and what a script writes between its marks."""
    made = False
    found = []
    for number, line in enumerate(page.splitlines(), 1):
        made = (made or line.startswith("<!-- begin ")) and not line.startswith("<!-- end ")
        alone = re.fullmatch(r"\s*(?:[-*] )?(?:\[[^\]]*\]: )?<?https?://\S+", line)
        if len(line) > WIDTH and not made and not alone:
            found.append(f"{number}: {line[:60]}…")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_keeps_its_width(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert wide_lines(page) == []
    assert not re.search(r"^(?:<{7} |={7}$|>{7} )", page, re.M)  # left by a merge


def test_a_wide_line_is_seen() -> None:
    wide = "x" * (WIDTH + 1)
    assert len(wide_lines(f"{wide}\n<!-- begin a -->\n{wide}\n<!-- end a -->\n| {wide} |\nhttps://{wide}\n")) == 2


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.M)
    for link in links:
        target = link.partition("#")[0]
        if target and not re.match(r"https?:|mailto:", target):
            assert (path.parent / target).exists(), link
