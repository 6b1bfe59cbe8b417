"""The features as a matminer featurizer: `BettiFeaturizer` has the columns of `BettiTransformer`.

Importing this module needs matminer (the extra `matminer`), which asks for pandas 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymatgen.core.structure import Structure

from screening.crystals import Crystal
from screening.errors import InputError
from screening.features import columns
from screening.transformer import curves, settings

try:
    from matminer.featurizers.base import BaseFeaturizer
except ImportError as error:
    raise ImportError("screening.matminer needs matminer: pip install 'screening[matminer]'") from error

CITATIONS = (
    '@book{Lueck2002, author={L{\\"u}ck, Wolfgang}, title={L2-Invariants: Theory and Applications to Geometry and '
    "K-Theory}, publisher={Springer}, year={2002}}",
    "@article{Bauer2021, author={Bauer, Ulrich}, title={Ripser: efficient computation of Vietoris-Rips persistence "
    "barcodes}, journal={Journal of Applied and Computational Topology}, volume={5}, pages={391--423}, year={2021}}",
)


class BettiFeaturizer(BaseFeaturizer):  # type: ignore[misc]
    """Betti and percolation curves of the sublattices of one crystal, per site, independent of the choice of cell.

    A structure that cannot be used raises; matminer's ``ignore_errors=True`` makes it a row of NaN.

    Parameters
    ----------
    mobile_ion
        Symbol of the mobile ion.
    channels
        Sublattices: mobile, anion, cation, framework, all.
    step
        Spacing of the radii, Å.
    percolation
        Whether to give the shares of sites in finite, chain, layer and framework components.
    histogram
        Whether to give the 2-D histogram of the persistence diagrams.
    r_max
        Largest radius by channel, Å; channels that are not named keep the default.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        mobile_ion: str = "Li",
        channels: Sequence[str] = ("mobile", "anion", "cation", "framework", "all"),
        step: float = 0.1,
        percolation: bool = True,
        histogram: bool = False,
        r_max: Mapping[str, float] | None = None,
    ) -> None:
        self.mobile_ion = mobile_ion
        self.channels = channels
        self.step = step
        self.percolation = percolation
        self.histogram = histogram
        self.r_max = r_max

    def featurize(self, structure: Structure) -> list[float]:
        """Return the columns of one structure; NaN = not computed.

        Raises
        ------
        InputError
            The structure cannot be used, such as one without the mobile ion.
        """
        features, rejections = curves([Crystal.from_pymatgen(structure)], settings(self.get_params()))
        if rejections:
            raise InputError(f"the structure cannot be used: {rejections[0][1]}")
        values: list[float] = features[0].tolist()
        return values

    def feature_labels(self) -> list[str]:
        """Return the names of the columns: channel/curve/radius in Å, e.g. ``Li/beta1/3.20``."""
        return columns(settings(self.get_params()))

    def citations(self) -> list[str]:
        """Return what to cite, as BibTeX."""
        return list(CITATIONS)

    def implementors(self) -> list[Any]:
        """Return who made the featurizer."""
        return ["The authors of screening"]
