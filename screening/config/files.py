"""Settings read from TOML and written as TOML."""

from __future__ import annotations

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from screening.config.section import Section
from screening.config.whole import Config
from screening.errors import ConfigError


def read_config(path: Path | None, overrides: dict[str, Any] | None = None) -> Config:
    """Return the settings of a TOML file with overrides, a nested dict, laid over it.

    Raises
    ------
    ConfigError
        The file is missing, not TOML, has an unknown key or an unfit value; the message names the key.
    """
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read config {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        return Config.model_validate(merged(table, overrides or {}))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc'])) or 'config'}: {_fault(item)}" for item in error.errors()]
        raise ConfigError("; ".join(lines)) from error


def _fault(item: ErrorDetails) -> str:
    """Return what is wrong with a setting; of one that does not exist, which may have been meant."""
    if item["type"] != "extra_forbidden":
        return item["msg"]
    *above, name = map(str, item["loc"])
    sections = {key: type(part) for key, part in Config() if isinstance(part, Section)}
    fields = sections[above[0]].model_fields if above and above[0] in sections else {**Config.model_fields}
    near = difflib.get_close_matches(name, fields, n=1, cutoff=0.5)
    elsewhere = [f"{key}.{name}" for key, section in sections.items() if name in section.model_fields]
    meant = elsewhere or [".".join([*above, one]) for one in near]
    return f"no such setting; did you mean {meant[0]}?" if meant else "no such setting; `screening config` prints all"


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid over it, section by section."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return result


def as_toml(config: Config) -> str:
    """Return the settings as TOML with each field's description as a comment above it."""
    lines = [
        f"# {Config.model_fields[key].description}\n{key} = {_toml_value(getattr(config, key))}"
        for key in ("seed", "device")
    ]
    lines.append("")
    for name, section in config:
        if not isinstance(section, Section):
            continue
        lines.append(f"[{name}]  # {(type(section).__doc__ or '').strip().rstrip('.')}")
        for key, info in type(section).model_fields.items():
            lines.append(f"# {info.description}")
            value = getattr(section, key)
            lines.append(f"# {key} = (not set)" if value is None else f"{key} = {_toml_value(value)}")
        lines.append("")
    return "\n".join(lines)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, Path):
        return json.dumps(str(value))
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return json.dumps(value)
