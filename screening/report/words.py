"""The fixed words of the page: what codes, curves, models and flags mean, what the numbers cannot say."""

from __future__ import annotations

from screening.errors import Code

CODES: dict[str, str] = {
    Code.NOT_CIF: "not text, or not CIF syntax",
    Code.EMPTY: "no bytes, or white space alone",
    Code.NO_ATOMS: "no placed atom in the block",
    Code.NO_CELL: "cell lengths or angles missing",
    Code.BAD_CELL: "cell not positive, not finite or of no volume",
    Code.BAD_SYMMETRY: "symmetry operations unreadable, contradictory or no group",
    Code.BAD_SITE: "a coordinate or occupancy is no usable number",
    Code.BAD_ELEMENT: "a symbol names no element",
    Code.NO_MOBILE_ION: "the crystal does not hold the mobile ion",
    Code.TOO_LARGE: "over a limit on bytes, blocks, sites or operations",
    Code.UNSAFE_PATH: "archive member with an unsafe name, or a link",
    Code.UNREADABLE: "cannot be opened or decompressed",
    Code.TIME_LIMIT: "took longer than allowed",
    Code.WORKER_KILLED: "the process died on this crystal",
    Code.INTERNAL: "a fault of this program",
}

CURVES: dict[str, str] = {
    "beta0": "β₀: separate parts",
    "beta1": "β₁: rings",
    "beta2": "β₂: cavities",
    "rank0": "in finite clusters",
    "rank1": "in chains",
    "rank2": "in layers",
    "rank3": "in a 3-D network",
}

KINDS: dict[str, str] = {
    "beta0": "β₀ parts",
    "beta1": "β₁ rings",
    "beta2": "β₂ cavities",
    "rank0": "sites in finite clusters",
    "rank1": "sites in chains",
    "rank2": "sites in layers",
    "rank3": "sites in a 3-D network",
    "hist0": "β₀ parts born",
    "hist1": "β₁ rings born",
    "hist2": "β₂ cavities born",
    "number_density": "sites per volume",
    "occupied_density": "ions per volume",
    "mean_occupancy": "mean occupancy",
}

# Who forms something, and whether the verb takes an s.
SUBJECTS: dict[str, tuple[str, str]] = {
    "Li": ("lithium", "s"),
    "Na": ("sodium", "s"),
    "K": ("potassium", "s"),
    "Mg": ("magnesium", "s"),
    "Ag": ("silver", "s"),
    "anion": ("the anions", ""),
    "cation": ("the other cations", ""),
    "framework": ("the framework", "s"),
    "all": ("all atoms together", ""),
}

# What a crystal has and what it lacks, with who (0) and the ending of the verb (1).
REASONS: dict[str, tuple[str, str]] = {
    "beta0": ("separate parts of {0} (β₀)", "no separate parts of {0} (β₀)"),
    "beta1": ("rings of {0} (β₁)", "no rings of {0} (β₁)"),
    "beta2": ("cavities of {0} (β₂)", "no cavities of {0} (β₂)"),
    "rank0": ("{0} stay{1} in finite clusters", "{0} form{1} no finite clusters"),
    "rank1": ("{0} form{1} chains", "{0} form{1} no chains"),
    "rank2": ("{0} form{1} layers", "{0} form{1} no layers"),
    "rank3": ("{0} form{1} a 3-D network", "{0} form{1} no 3-D network"),
    "hist0": ("parts of {0} that are born (β₀)", "no parts of {0} are born (β₀)"),
    "hist1": ("rings of {0} that close (β₁)", "no rings of {0} close (β₁)"),
    "hist2": ("cavities of {0} that close (β₂)", "no cavities of {0} close (β₂)"),
    "number_density": ("sites of {0} per volume", "sites of {0} per volume"),
    "occupied_density": ("density of {0}, by occupancy", "density of {0}, by occupancy"),
    "mean_occupancy": ("mean occupancy of {0}", "mean occupancy of {0}"),
}

MODELS: dict[str, str] = {
    "curves": "curves (this model)",
    "conventional": "conventional descriptors",
    "nearest": "nearest neighbour",
    "dummy": "dummy (mean of training)",
}

SPLITS: dict[str, str] = {
    "grouped": "grouped: a publication, a composition and its near-duplicates are never split; the honest score",
    "publication": "publication: a publication is never split, though its composition may stand on both sides",
    "random": "random: every crystal by itself, which flatters",
    "family": "family: a chemical family predicted from the others, the hardest question",
    "cluster": "cluster: one structural cluster after the other predicted from the rest",
}

BADGES: dict[str, str] = {
    "disordered": "disordered",
    "radius_cut": "radius cut back",
    "radioactive": "radioactive",
    "toxic": "toxic",
    "scarce": "scarce",
}

COLUMN_WORDS: dict[str, str] = {
    "id": "id",
    "prediction": "predicted log₁₀ σ (S/cm)",
    "lower": "lower bound, log₁₀ σ (S/cm)",
    "upper": "upper bound, log₁₀ σ (S/cm)",
    "chance": "chance of the target, 0 to 1",
    "family": "family, by anions",
    "conductivity": "predicted σ (S/cm)",
    "distance": "novelty (1 = edge of the domain)",
    "in_domain": "in domain",
    "nearest": "nearest known: id",
    "nearest_formula": "nearest known",
    "nearest_measured": "nearest known: log₁₀ σ (S/cm)",
    "measured": "measured log₁₀ σ (S/cm)",
    "radius_cut": "radius cut back",
    "elements_unseen": "elements not in training",
    "prediction_kind": "prediction by",
    "duplicate_of": "duplicate of",
    "duplicates": "further entries of it",
    "same_as_labelled": "same as labelled",
    "charge_balanced": "charge balanced",
    "held_back": "held back for",
}

HELD_BACK: dict[str, str] = {
    "elements": "elements that were excluded, or one that was required is missing",
    "charge": "usual oxidation states cannot sum to zero",
    "size": "more atoms than asked for",
    "prototype": "better ones of its prototype stand above",
}

LIMITS: tuple[str, ...] = (
    "A rank is a suggestion for what to compute or measure next, not a measurement. Read it with its interval.",
    "Measured conductivities of one composition commonly differ by more than half a power of ten between samples and "
    "laboratories; no model trained on them can be surer than that.",
    "Outside the training domain (distance above 1, or an element that no training crystal holds) predictions are "
    "guesses; such rows are marked.",
    "Only the geometry of the given crystal enters. Grain boundaries, defects, doping beyond the file, moisture, "
    "electronic conduction and the stability of the compound do not.",
    "A SHAP value says what the model used, not what moves the ions.",
    "A crystal whose radius was cut back was too large for the budget: its curves end early, and what lies beyond "
    "counts as unknown.",
)

REFERENCES: tuple[tuple[str, str], ...] = (
    (
        "OBELiX, if the model was trained on it: F. Therrien et al., OBELiX: a curated dataset of crystal structures "
        "and experimentally measured ionic conductivities for lithium solid-state electrolytes (2025), CC BY 4.0.",
        "https://doi.org/10.48550/arXiv.2502.14234",
    ),
    (
        "Materials Project, if its crystals were screened: A. Jain et al., APL Materials 1, 011002 (2013), CC BY 4.0.",
        "https://doi.org/10.1063/1.4812323",
    ),
    (
        "Gradient boosting: G. Ke et al., LightGBM: a highly efficient gradient boosting decision tree, "
        "Advances in Neural Information Processing Systems 30, 3146–3154 (2017).",
        "",
    ),
    (
        "SHAP for trees: S. M. Lundberg et al., From local explanations to global understanding with explainable AI "
        "for trees, Nature Machine Intelligence 2, 56–67 (2020).",
        "https://doi.org/10.1038/s42256-019-0138-9",
    ),
    (
        "Periodic cell complexes: A. Onus and V. Robins, Quantifying the homology of periodic cell complexes (2022).",
        "https://doi.org/10.48550/arXiv.2208.09223",
    ),
)


def kind_words(*, channel: str, curve: str, radius_from: str, radius_to: str) -> str:
    """Return a kind of hole in words, ``Li β₁ rings, 3–4 Å``; a kind without radii ends after its name."""
    band = f", {radius_from.removesuffix('.0')}–{radius_to.removesuffix('.0')} Å" if radius_from else ""
    return f"{'all-atom' if channel == 'all' else channel} {KINDS.get(curve, curve)}{band}"


def reason_words(channel: str, curve: str) -> tuple[str, str]:
    """Return a kind of hole as a reason, where a crystal has it and where it lacks it: ``lithium forms layers``."""
    who, ending = SUBJECTS.get(channel, (channel, "s"))
    has, lacks = REASONS.get(curve, (f"{curve} of {{0}}", f"{curve} of {{0}}"))
    return has.format(who, ending), lacks.format(who, ending)


def reason_unit(curve: str) -> str:
    """Return what the values of a curve are told in: a share of sites, a number per site or per volume, or nothing."""
    if curve.startswith("rank"):
        return "share"
    return {"beta": "per site", "numb": "per Å³", "occu": "per Å³"}.get(curve[:4], "")
