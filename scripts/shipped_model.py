#!/usr/bin/env python
"""Trains the model that comes with the program, on the embedded measured conductors, and writes it into the package.

    scripts/shipped_model.py [--out FILE]

To be run anew where features, learners or the embedded table change; a test says so. What it gives is what
`screening run` without labels trains.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from builds import ROOT

from screening.cluster import Progress, featurize_all
from screening.config import Config
from screening.data import write_measured
from screening.host import Device
from screening.learn import write_shipped
from screening.pipeline import LabelOptions, train_model

FILE = ROOT / "screening" / "data" / "measured_model.zip"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE)
    out: Path = parser.parse_args().out
    config, progress = Config(), Progress()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_measured(folder / "measured")
        featurize_all([str(folder / "measured")], config=config, out=folder / "features.zarr", progress=progress)
        labels = LabelOptions(folder / "measured" / "labels.csv").read()
        device = Device("cpu", "asked for", ())
        train_model(folder / "features.zarr", labels, folder / "model", config=config, device=device, progress=progress)
        write_shipped(folder / "model", out)
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
