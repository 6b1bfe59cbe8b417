"""What the pages of docs/ take from elsewhere: commands and settings when MkDocs builds them, tables when asked.

A hook of mkdocs.yml; `scripts/docs` calls it. `python scripts/docs_pages.py` writes anew what is kept in the
repository: docs/tutorial.ipynb, and the parts of pages between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.md"
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
FENCE = re.compile(
    r"^(?:<!-- (?P<said>run|output|not run: [^\n]*) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```$\n?", re.M | re.S
)
ARCHITECTURE = ROOT / "docs" / "architecture.md"
INPUTS = ROOT / "docs" / "inputs.md"
COLUMNS = ROOT / "docs" / "reference" / "ranking-columns.md"
IMPORT_ORDER = re.compile(r"^```text\n(errors,.*?)^```$", re.M | re.S)
THEIR_WORKER = "https://unpkg.com/iframe-worker/shim"
LINK = re.compile(r"(\]\(|^\[[^\]]+\]: )((?:\.\./)*)(configs/[\w-]+\.toml)", re.M)


def notebook(page: str) -> str:
    """Return a page as the JSON of a notebook: prose as it stands, code with outputs in cells, shell in bash cells."""
    cells: list[dict[str, Any]] = []
    end = 0
    for match in FENCE.finditer(page):
        _add(cells, "markdown", page[end : match.start()])
        code = match["code"]
        if match["language"] == "python":
            _add(cells, "code", code)
        elif match["said"] == "run":
            _add(cells, "code", f"%%bash\n{code}")
        elif match["said"] == "output":
            cells[-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": code.splitlines(keepends=True)}]
        else:
            _add(cells, "markdown", match[0])
        end = match.end()
    _add(cells, "markdown", page[end:])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _add(cells: list[dict[str, Any]], kind: str, text: str) -> None:
    text = text.strip("\n")
    if not text.strip():
        return
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{len(cells):02d}", "metadata": {}}
    cell["source"] = text.splitlines(keepends=True)
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    cells.append(cell)


def commands() -> str:
    """Return the commands and their options as Markdown."""
    import typer

    from screening.cli import app

    lines = []
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        lines += [f"## screening {name}", "", _plain(command.help), ""]
        lines += ["| | | default |", "|---|---|---|"]
        for option in command.params:
            if option.name == "help":
                continue
            names = ", ".join(f"`{text}`" for text in (*option.opts, *option.secondary_opts) if text.startswith("-"))
            default = option.default
            shown = "needed" if option.required else "" if default in (None, False, (), []) else f"`{default}`"
            if callable(default):
                shown = ""
            label = names or f"`{option.metavar or option.name}`"
            lines.append(f"| {label} | {_plain(option.help).replace('|', '&#124;')} | {shown} |")
        lines.append("")
    return "\n".join(lines)


def _plain(text: str | None) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text or "").strip()


def settings() -> str:
    """Return all settings with their meaning and default as TOML in Markdown."""
    from screening.config import Config, as_toml

    return f"```toml\n{as_toml(Config())}```\n"


def import_order() -> list[list[str]]:
    """Return the rooms and modules at the top as the architecture page orders them, lowest first, a level a list."""
    match = IMPORT_ORDER.search(ARCHITECTURE.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{ARCHITECTURE} has no import order")
    return [line.split(", ") for line in match[1].splitlines()]


def module_table() -> str:
    """Return a table of all modules with the first line of their docstrings, rooms in import order."""
    package = ROOT / "screening"
    lines = ["| module | what it does |", "|---|---|"]
    for room in (room for level in import_order() for room in level):
        if (package / f"{room}.py").exists():
            lines.append(f"| **`{room}.py`** | {_first_line(package / f'{room}.py')} |")
        else:
            lines.append(f"| **`{room}/`** | {_first_line(package / room / '__init__.py')} |")
            lines += [f"| `{name}` | {_first_line(package / name)} |" for name in _modules_of(package, room)]
    return "\n".join(lines) + "\n"


def _modules_of(package: Path, room: str) -> Iterator[str]:
    for path in sorted((package / room).rglob("*.py")):
        if path != package / room / "__init__.py":
            yield path.relative_to(package).as_posix()


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", maxsplit=1)[0].replace("|", "&#124;").replace("``", "`")


def ranking_columns() -> str:
    """Return a table of the columns of a ranking, from the one schema that writer, readers and page share."""
    from screening.ranking.columns import SCHEMA

    lines = ["| column | kind | unit | since format | on the page | meaning |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{column.name}` | {column.kind} | {column.unit} | {column.since} | {column.label} | {column.meaning} |"
        for column in SCHEMA
    ]
    return "\n".join(lines) + "\n"


def flags() -> str:
    """Return a table of the flags of crystals with their sentences."""
    from screening.crystals import FLAGS

    lines = ["| flag | kind | meaning |", "|---|---|---|"]
    lines += [f"| `{flag.name}` | {flag.kind.value} | {flag.sentence} |" for flag in FLAGS.values()]
    return "\n".join(lines) + "\n"


# Parts of pages that are kept in the repository: page, name, what writes it.
PARTS: tuple[tuple[Path, str, Callable[[], str]], ...] = (
    (ARCHITECTURE, "modules", module_table),
    (COLUMNS, "columns", ranking_columns),
    (INPUTS, "flags", flags),
)


def with_part(page: str, name: str, text: str) -> str:
    """Return a page whose part of that name is `text`."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, rest = page.split(begin, maxsplit=1)
    return before + begin + text + end + rest.split(end, maxsplit=1)[1]


def on_files(files: Any, config: Any) -> Any:
    """Return the files of the site with the ready configs among them."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "configs").glob("*.toml")):
        uri = f"configs/{path.name}"
        files.append(File.generated(config, uri, content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Return the text of a page with what it takes from elsewhere."""
    if page.file.src_uri == "reference/commands.md":
        markdown = markdown.replace("<!-- commands -->", commands())
    if page.file.src_uri == "reference/settings.md":
        markdown = markdown.replace("<!-- settings -->", settings())
    # In the repository configs/ lies beside docs/, on the site inside it.
    return LINK.sub(lambda match: f"{match[1]}{match[2][3:]}{match[3]}", markdown)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Return a page whose stand-in for workers on pages from disk is our own: the theme's would be fetched."""
    from mkdocs.utils import get_relative_url

    return output.replace(THEIR_WORKER, get_relative_url("assets/file-worker.js", page.url))


def on_post_template(output_content: str, template_name: str, config: Any) -> str:
    """Return the page of a missing address, which only a server shows, without that stand-in."""
    return output_content.replace(f'<script src="{THEIR_WORKER}"></script>', "")


if __name__ == "__main__":
    for path, name, made in PARTS:
        path.write_text(with_part(path.read_text(encoding="utf-8"), name, made()), encoding="utf-8")
    NOTEBOOK.write_text(notebook(TUTORIAL.read_text(encoding="utf-8")), encoding="utf-8")
