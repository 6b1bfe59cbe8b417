"""The fixed words of the page: what codes, curves, models and flags mean, what the numbers cannot say."""

from __future__ import annotations

from screening.crystals import FLAGS, flag_sentence
from screening.errors import Code
from screening.ranking import POLYMORPH

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
    Code.NO_STRUCTURE: "no crystal structure in the entry",
    Code.BAD_STRUCTURE: "the reader of its format cannot make sense of it",
    Code.PASSED_OVER: "files of this suffix are no crystals",
}

MODELS: dict[str, str] = {
    "curves": "geometry (this model)",
    "composition": "geometry and composition",
    "composition_alone": "composition alone",
    "distances": "distances between sublattices alone",
    "trees": "curves, LightGBM alone",
    "ridge": "curves, kernel ridge alone",
    "process": "curves, Gaussian process alone",
    "conventional": "conventional descriptors, LightGBM",
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
    "high_barrier": "high bond-valence barrier",
}

# Marks that the list shows, with the elements; the others stand in the details, or are badges above.
MARK_BADGES: dict[str, str] = {"redox": "redox-active", "costly": "costly"}

HELD_BACK: dict[str, str] = {
    **{f"flag:{name}": flag_sentence(name) for name in FLAGS},
    "elements": "elements that were excluded, or one that was required is missing",
    "anion": "no O, S, Se, Te, N, halogen or hydride (or what was asked for): an alloy, Zintl phase, pnictide",
    "charge": "oxidation states cannot sum to zero in any mixture",
    "size": "more atoms than asked for",
    "prototype": "better ones of its prototype stand above",
    POLYMORPH: "a better entry of the same compound stands for it",
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
