"""Crystals → a finished feature store: listed, handed out, brought back and committed, or gone on with."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from screening.cluster.client import is_remote
from screening.cluster.dispatch import compute
from screening.cluster.progress import Progress
from screening.config import FEATURES_VERSION, Config
from screening.crystals import channel_label
from screening.errors import Code, DeviceUnavailableError, EngineUnavailableError, StoreError
from screening.features import columns, distance_columns, featurize
from screening.homology import ENGINES, choose_engine, engine
from screening.host import Device, cores, resolve, versions
from screening.locations import Location, make_folder
from screening.sources import Item, Listed, ListedApart, ListedHere, Shard, count_up_to
from screening.store import (
    STRINGS,
    FeatureStore,
    differences,
    exists,
    number_names,
    pointed,
    property_writer,
)

MANY_WORKERS = 8  # from which shards are listed in a process of their own
BROKEN = "self-test failed on a two-atom crystal; reinstall this program"
PROBE = """data_probe
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
X1 {ion} 0 0 0
X2 {anion} 0.5 0.5 0.5
"""


def settle(config: Config, progress: Progress) -> tuple[Config, Device]:
    """Return the config with its engine decided, and the device; what was chosen is said. Nothing is started.

    Raises
    ------
    EngineUnavailableError, DeviceUnavailableError
        The engine or device that was asked for is not here.
    """
    device = resolve(config.device, remote=is_remote(config.cluster))
    progress.say(f"device {device.why}")
    name, why = choose_engine(config.homology.engine)
    if config.homology.engine != name:
        progress.say(f"engine {name}: {why}")
        config = config.model_copy(update={"homology": config.homology.model_copy(update={"engine": name})})
    if ENGINES[name].needs_gpu and device.kind != "cuda":
        raise DeviceUnavailableError(f"engine {name} computes on a GPU, and the device is {device.why}")
    if not is_remote(config.cluster):
        engine(name)
    return config, device


def check_program(config: Config) -> None:
    """Raise if this program cannot compute a crystal of two atoms: otherwise it would refuse every input.

    Workers elsewhere are not asked, nor is a GPU engine, which has a process of its own.

    Raises
    ------
    EngineUnavailableError
        It cannot.
    """
    if is_remote(config.cluster) or ENGINES[config.homology.engine].needs_gpu:
        return
    text = PROBE.format(ion=config.cloud.mobile_ion, anion="O" if config.cloud.mobile_ion != "O" else "S")
    try:
        rows = featurize([Item(id="probe", source="probe", text=text.encode())], config)
    except Exception as error:
        raise EngineUnavailableError(f"{BROKEN}: {type(error).__name__}: {error}") from error
    code, detail = rows.strings[0, [STRINGS.index("code"), STRINGS.index("detail")]]
    if code == Code.INTERNAL:
        raise EngineUnavailableError(f"{BROKEN}: {detail}")


def open_store(path: Location, config: Config) -> FeatureStore:
    """Return the store at `path`, new or to be resumed.

    Raises
    ------
    StoreError
        A store is there that was made with other settings; the message lists what differs.
    """
    labels = [channel_label(channel, config.cloud) for channel in config.cloud.channels]
    path = pointed(path)
    if not exists(path):
        make_folder(path.parent)
        header = {
            "config": config.features_config(),
            "features_hash": config.features_hash(),
            "engine": config.homology.engine,
            "shard_rows": config.store.shard_rows,
            "features_version": FEATURES_VERSION,
            "versions": versions(),
        }
        return FeatureStore.create(
            path, columns=columns(config), channels=labels, header=header, distances=distance_columns(config.cloud)
        )
    store = FeatureStore.open(path)
    changed = differences(config.features_config(), store.header["config"])
    ours, theirs = versions()["screening"], store.header["versions"]["screening"]
    version = store.header.get("features_version", 1)
    if version != FEATURES_VERSION:
        changed.append(f"version of the features: {FEATURES_VERSION} here, {version} in the store")
    elif store.header["numbers"] != number_names(labels, distance_columns(config.cloud)):
        changed.append("the store keeps no distances between sublattices, as an earlier version made it")
    if ours != theirs:
        changed.append(f"version of screening: {ours} here, {theirs} in the store")
    if changed:
        raise StoreError(f"{path} was made with other settings; remove it or give another --out. " + "; ".join(changed))
    store.mend_ledger()
    return store


def listed(crystals: Sequence[str], config: Config, device: Device) -> Listed:
    """Return the crystals of a run, to be listed in a process of their own where many workers wait for them.

    Not what can be read only once, such as a pipe: it would be another one there.

    Raises
    ------
    InputError
        A path does not exist.
    """
    many = is_remote(config.cluster) or device.kind == "cuda" or (config.cluster.workers or cores()) >= MANY_WORKERS
    apart = many and not any(_only_once(path.removeprefix("@")) for path in crystals)
    if config.cluster.listing != "auto":
        apart = config.cluster.listing == "apart"
    return (ListedApart if apart else ListedHere)(crystals, config.input)


def _only_once(path: str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def featurize_all(
    crystals: Sequence[str],
    *,
    config: Config,
    out: Location,
    progress: Progress,
) -> str:
    """Return the SHA-256 of the inputs after featurizing every one into the store at `out`.

    Goes on where an earlier run stopped: shards whose inputs and bytes are unchanged are not computed again, unless
    this program failed on one of their crystals.

    Raises
    ------
    EngineUnavailableError, DeviceUnavailableError, StoreError, InputError
        Nothing can be computed or written here; told before work starts where that can be known.
    """
    config, device = settle(config, progress)
    return fill(crystals, config=config, device=device, out=out, progress=progress)


def fill(
    crystals: Sequence[str],
    *,
    config: Config,
    device: Device,
    out: Location,
    progress: Progress,
) -> str:
    """Do what `featurize_all` does, with engine and device decided."""
    inputs = listed(crystals, config, device)
    store = open_store(out, config)
    finished = store.sound()
    digests = hashlib.sha256()

    def unfinished() -> Iterator[Shard]:
        for shard in inputs.shards(store.shard_rows):
            for id, numbers in shard.properties:
                properties.add(id, numbers)
            digests.update(shard.inputs.encode())
            progress.found += shard.count
            entry = finished.get(shard.index)
            if entry is not None and entry.inputs == shard.inputs and Code.INTERNAL not in entry.codes:
                progress.resumed += entry.rows
                progress.count(entry)
            else:
                yield shard
        progress.listed = True
        progress.changed()

    with contextlib.closing(inputs), store.locked(), property_writer(out) as properties:
        work = unfinished()
        first = next(work, None)
        if first is not None:  # no cluster is started where nothing is left to do
            check_program(config)
            known = count_up_to(crystals, config.cluster.gpu_from) if device.kind == "cuda" else 0
            chain = itertools.chain([first], work)
            compute(store, chain, config=config, device=device, progress=progress, known=known)
        if progress.found == 0:
            raise StoreError("no crystal found: none of the given paths holds a file of a known format")
        store.finish(progress.found)
    if outputs := inputs.passed.outputs:
        shown = ", ".join(outputs[:3]) + (f" and {len(outputs) - 3} more" if outputs[3:] else "")
        progress.say(f"not read, as this program wrote it: {shown}")
    for entry in store.ledger().values():
        progress.fallbacks.update(reason for _, _, reason in entry.fallbacks)
    return digests.hexdigest()
