"""The model that comes with the program: trained on the embedded measured conductors by `scripts/shipped_model.py`.

For those without labels of their own. `screening run` without labels trains the same one anew.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from functools import cache
from importlib import resources
from pathlib import Path

from screening.errors import ModelError
from screening.learn.load import load_model
from screening.learn.model import Model

FILE = "measured_model.zip"  # in screening/data; its members are the files of a model folder


@cache
def shipped_model() -> Model:
    """Return the model trained on the embedded measured conductors; its `scores` say how good it is, and on what split.

    Raises
    ------
    ModelError
        This installation has none, or it is damaged.
    """
    try:
        packed = resources.files("screening.data").joinpath(FILE).read_bytes()
        with tempfile.TemporaryDirectory(prefix="screening-model-") as folder:
            with zipfile.ZipFile(io.BytesIO(packed)) as archive:
                archive.extractall(folder)
            return load_model(Path(folder))
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"the model of this installation cannot be read; reinstall this program: {error}") from error


def write_shipped(model: Path, file: Path) -> None:
    """Write the files of a model folder as the archive that `shipped_model` reads: equal folders give equal bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for one in sorted(model.iterdir()):
            member = zipfile.ZipInfo(one.name)  # of 1980
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, one.read_bytes())
