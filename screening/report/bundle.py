"""The page's JavaScript: modules of templates/, laid into one script, each in a scope of its own.

The modules are ordinary ES modules, so that editors and linters understand them. The page is one file that is opened
from disk and whose policy names the hash of its one script, so they are bundled as the page is written: each becomes a
function whose result is what the module exports. The script adds one name to the page, ``screeningPage``.
"""

from __future__ import annotations

import re
from importlib import resources

GLOBAL = "screeningPage"
_IMPORT = re.compile(r'^import (?:\{(?P<names>[^}]*)\} from )?"\./(?P<module>\w+)\.js";\n', re.M)
_EXPORT = re.compile(r"^export \{(?P<names>[^}]*)\};\n", re.M)


def bundle(entry: str) -> str:
    """Return one classic script that runs the module `entry` of templates/ after everything that it imports.

    Imports are of the forms ``import { a, b } from "./x.js";`` and ``import "./x.js";``; a module exports by one
    statement ``export { a, b };``, and only names that are never given another value.

    Raises
    ------
    ValueError
        Modules import each other in a circle, a name is imported that is not exported, or another form is used.
    """
    ordered: dict[str, str] = {}
    _add(entry, ordered, exported={}, above=())
    return f'"use strict";\nconst {GLOBAL} = {{}};\n' + "".join(ordered.values())


def _add(module: str, ordered: dict[str, str], *, exported: dict[str, list[str]], above: tuple[str, ...]) -> None:
    if module in above:
        raise ValueError(f"modules of the page import each other in a circle: {' → '.join((*above, module))}")
    if module in ordered:
        return
    source = module_source(module)
    for match in _IMPORT.finditer(source):
        _add(match["module"], ordered, exported=exported, above=(*above, module))
        missing = set(_names(match["names"])) - set(exported[match["module"]])
        if missing:
            raise ValueError(
                f"{module}.js imports {', '.join(sorted(missing))}, which {match['module']}.js exports not"
            )
    exports = _EXPORT.findall(source)
    names = exported[module] = [name for found in exports for name in _names(found)]
    for name in names:
        if re.search(rf"^let (?:[\w$, ]*, )?{re.escape(name)}\b", source, re.M):
            raise ValueError(f"{module}.js exports {name}, which changes: put it into an object")
    body = _EXPORT.sub("", _IMPORT.sub(_local, source))
    if len(exports) > 1 or re.search(r"^(?:import|export)\b", body, re.M):
        raise ValueError(f"{module}.js imports or exports in a form that is not bundled")
    result = f"return {{ {', '.join(names)} }};\n" if names else ""
    ordered[module] = f"{GLOBAL}.{module} = (() => {{\n{body.rstrip()}\n{result}}})();\n"


def module_source(module: str) -> str:
    """Return the text of a module of templates/."""
    return resources.files("screening.report").joinpath("templates", f"{module}.js").read_text(encoding="utf-8")


def _local(match: re.Match[str]) -> str:
    names = ", ".join(_names(match["names"]))
    return f"const {{ {names} }} = {GLOBAL}.{match['module']};\n" if names else ""


def _names(text: str | None) -> list[str]:
    return [name for name in re.split(r"[\s,]+", text or "") if name]
