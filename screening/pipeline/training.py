"""The stages that make a model of a store, and that say what it rests on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from screening.cluster import Progress
from screening.config import Config
from screening.crystals import Crystal
from screening.errors import Rejection
from screening.host import Device, cores
from screening.learn import (
    Labels,
    Learner,
    Made,
    Model,
    at_a_time,
    choose_learner,
    composition_notes,
    make,
    opened,
    train,
    training_rows,
    write_isotypes,
)
from screening.locations import Location
from screening.ranking import (
    explain,
    stability,
    write_stability,
)
from screening.report import write_explanation_plots
from screening.sources import Wanted, find_crystals
from screening.store import (
    FeatureTable,
    read_rejections,
    read_some,
)

# Candidates that SHAP values are averaged over, beside all labelled crystals.
EXPLAINED_OTHERS = 2_000


def train_model(  # noqa: PLR0913
    features: Location,
    labels: Labels,
    folder: Path,
    *,
    config: Config,
    device: Device,
    rejections: list[Rejection] | None = None,
    threads: int | None = None,
    progress: Progress,
) -> tuple[Model, Learner]:
    """Train on the labelled crystals of a store and write the model to `folder`; return both model and learner.

    Parameters
    ----------
    features
        The store.
    labels
        Measured values.
    folder
        Where the model goes.
    config
        Settings; `learn` and `seed` are used.
    device
        Where LightGBM may train.
    rejections
        Refused inputs of the store, where they are at hand.
    threads
        Trainings at a time; all cores if not given. No value depends on it.
    progress
        Hears what was chosen.
    """
    threads = threads or cores()
    rejections = read_rejections(features) if rejections is None else rejections
    labelled = read_some(features, ids=set(labels.ids))
    size = len(labelled) * config.learn.trees
    learner = choose_learner(
        device.kind,
        forced=None if config.learn.learner == "auto" else config.learn.learner,
        rows=partial(training_rows, labelled, labels, config, rejections=rejections),
        settings=config.learn,
        trainings=at_a_time(threads=threads, size=size),
    )
    progress.say(f"LightGBM on {learner.device_type}: {learner.tried[-1].message}")
    for note in composition_notes(labels, labelled):
        progress.say(note)
    with opened(threads=threads, size=size):
        made, crystals = make_isotypes(labelled, labels, config, progress=progress)
        model = train(labelled, labels, config, rejections=rejections, learner=learner, threads=threads, made=made)
    model.save(folder)
    if made is not None:
        write_isotypes(made, crystals, folder)
    return model, learner


def make_isotypes(
    labelled: FeatureTable, labels: Labels, config: Config, *, progress: Progress
) -> tuple[Made | None, list[Crystal]]:
    """Return what is made of the labels that no crystal of a store stands for, on those that one does; None if nothing.

    The labelled crystals are read again from where they were found; those that are no longer there are no templates.
    """
    placed = {str(id) for id in labelled.ids}
    if labels.composition is None or not config.learn.isotypes or placed >= {str(id) for id in labels.ids}:
        return None, []
    facts = labelled.facts
    wanted = [
        Wanted(str(id), str(source), str(formula))
        for id, source, formula in zip(labelled.ids, facts["source"], facts["formula"], strict=True)
    ]
    found = find_crystals(wanted, config.input)
    templates = {id: one for id, one in found.items() if isinstance(one, Crystal)}
    if len(templates) < len(found):
        progress.say(f"{len(found) - len(templates)} labelled crystals cannot be read again: nothing is made on them")
    settings = labelled.settings
    of_store = config.model_copy(update={name: getattr(settings, name) for name in ("cloud", "homology", "curves")})
    made, crystals = make(labels, placed, templates, of_store)
    if made is not None:
        progress.say(f"{len(made)} labels without a crystal were put onto the nearest one, {len(made.refused)} refused")
    return made, crystals


def explain_model(  # noqa: PLR0913
    features: Location, model: Model, folder: Path, *, config: Config, device: Device, threads: int | None = None
) -> None:
    """Write which kinds of hole decide, over the training crystals and a seeded draw of others, to `folder`."""

    def explained() -> None:
        table = read_some(features, ids=set(model.training.ids), others=EXPLAINED_OTHERS, seed=config.seed)
        explain(table, model, seed=config.seed, device=device.kind).save(folder)
        write_explanation_plots(folder)

    write_stability(stability(model, seed=config.seed, threads=threads or cores(), meanwhile=explained), folder)
