"""The page's JavaScript: modules with a scope of their own, bundled in the order of their imports."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import screening.report.bundle as bundling

FOLDER = Path(bundling.__file__).parent / "templates"
MODULES = sorted(path.stem for path in FOLDER.glob("*.js"))
# What a browser's window has, of the words that a page might want for itself.
WINDOW = frozenset(
    "alert blur caches close closed confirm event external fetch find focus frames history length location name "
    "navigator open opener origin parent performance print prompt scroll screen self status stop top window".split()
)
TOP = re.compile(r"^(?:(?:async )?function\*? (\w+)|class (\w+)|(?:const|let) (?:(\w+)|[{\[]([^}\]]*)[}\]]))", re.M)


def top_names(module: str) -> list[str]:
    """The names that a module gives at its top, imports left out."""
    found = []
    for function, kind, name, several in TOP.findall(bundling.module_source(module)):
        found += [text for text in re.split(r"[\s,]+", several) if text] or [function or kind or name]
    return found


@pytest.mark.parametrize("module", MODULES)
def test_names_of_a_module_are_its_own(module: str) -> None:
    names = top_names(module)
    assert len(names) == len(set(names))
    assert not set(names) & WINDOW


def test_an_exported_name_stands_for_one_thing() -> None:
    exported = [name for module in MODULES for name in re.findall(r"\w+", export(module))]
    assert len(exported) == len(set(exported))
    assert len(exported) > 40


def export(module: str) -> str:
    match = re.search(r"^export \{([^}]*)\};$", bundling.module_source(module), re.M)
    return match[1] if match else ""


def test_the_script_adds_one_name_to_the_page() -> None:
    script = bundling.bundle("main")
    outside = re.sub(r"^screeningPage\..*?^\}\)\(\);\n", "", script, flags=re.M | re.S)
    assert outside == '"use strict";\nconst screeningPage = {};\n'
    assert sorted(re.findall(r"^screeningPage\.(\w+) = ", script, re.M)) == MODULES  # all are used
    assert not re.search(r"^(?:import|export)\b", script, re.M)


def test_modules_stand_below_what_they_import() -> None:
    order = re.findall(r"^screeningPage\.(\w+) = ", bundling.bundle("main"), re.M)
    for module in MODULES:
        for other in re.findall(r'^(?:import|\}) .*"\./(\w+)\.js";$', bundling.module_source(module), re.M):
            assert order.index(other) < order.index(module)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"main": 'import "./a.js";\n', "a": 'import "./main.js";\n'}, "circle: main → a → main"),
        ({"main": 'import { b } from "./a.js";\n', "a": "const c = 1;\nexport { c };\n"}, "imports b, which a.js"),
        ({"main": "let a = 1;\nexport { a };\n"}, "exports a, which changes"),
        ({"main": 'import * as a from "./a.js";\n', "a": ""}, "a form that is not bundled"),
        ({"main": "export default 1;\n"}, "a form that is not bundled"),
    ],
)
def test_what_cannot_be_bundled_is_refused(files: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "module_source", files.__getitem__)
    with pytest.raises(ValueError, match=words):
        bundling.bundle("main")


def test_the_script_is_a_script(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here: the script's syntax is seen by the browser alone")
    (tmp_path / "page.js").write_text(bundling.bundle("main"), encoding="utf-8")
    subprocess.run([node, "--check", tmp_path / "page.js"], check=True)
