"""The features as a scikit-learn transformer, for pipelines of one's own: structures in, named columns out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from screening.config import CHANNELS, Config, read_config
from screening.crystals import Crystal, as_crystals
from screening.errors import ConfigError, InputError, Rejection
from screening.features import assemble, columns, persist, prepared_of

BATCH = 64  # structures computed at a time
FORMAT = "screening-transformer"


class BettiTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Betti and percolation curves of the sublattices of crystals, per site, independent of the choice of cell.

    The same numbers as in a store of `screening featurize` with the same settings.

    Parameters
    ----------
    mobile_ion
        Symbol of the mobile ion.
    channels
        Sublattices: mobile, anion, cation, framework, all.
    step
        Spacing of the radii, Å.
    r_max
        Largest radius by channel, Å, e.g. ``{"mobile": 6.0}``; channels that are not named keep the default.
    percolation
        Whether to give the shares of sites in finite, chain, layer and framework components.
    histogram
        Whether to give the 2-D histogram of the persistence diagrams.
    on_error
        ``raise``: a structure that cannot be used raises; ``nan``: its row is NaN; `rejections` says why.
    n_jobs
        Processes that compute; -1 = one per core. The numbers do not depend on it.

    Attributes
    ----------
    n_features_out_
        Number of columns.

    Examples
    --------
    >>> from pymatgen.core import Lattice, Structure
    >>> from screening import BettiTransformer
    >>> salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.14), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    >>> curves = BettiTransformer(channels=("mobile",)).fit_transform([salt])
    >>> curves.shape[0]
    1
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
        on_error: Literal["raise", "nan"] = "raise",
        n_jobs: int = 1,
    ) -> None:
        self.mobile_ion = mobile_ion
        self.channels = channels
        self.step = step
        self.percolation = percolation
        self.histogram = histogram
        self.r_max = r_max
        self.on_error = on_error
        self.n_jobs = n_jobs

    def fit(self, X: Iterable[Any], y: Any = None) -> Self:  # noqa: N803 - scikit-learn's names
        """Return self; nothing is learned, parameters are checked.

        Raises
        ------
        ConfigError
            A parameter is unfit; the message names it.
        InputError
            `on_error` is neither raise nor nan, or X holds something else than structures.
        """
        if self.on_error not in ("raise", "nan"):
            raise InputError(f"on_error is 'raise' or 'nan', not {self.on_error!r}")
        if not isinstance(X, Iterator):  # a generator is there for `transform`, and only once
            list(as_crystals(X))
        self.n_features_out_ = len(columns(self._config()))
        return self

    def transform(self, X: Iterable[Any]) -> NDArray[np.float32]:  # noqa: N803
        """Return the columns (n, n_features_out_) of structures; NaN = not computed.

        X holds structures of pymatgen, Atoms of ASE, CIF texts or paths, and may be a generator or a DataFrame with a
        column of them.

        Raises
        ------
        InputError
            X holds something else than structures, or one cannot be used and `on_error` is ``raise``.
        """
        check_is_fitted(self, "n_features_out_")
        config = self._config()
        crystals = list(as_crystals(X))
        begins = range(0, len(crystals), BATCH)
        parts = joblib.Parallel(n_jobs=self.n_jobs)(
            joblib.delayed(curves)(crystals[begin : begin + BATCH], config) for begin in begins
        )
        if self.on_error == "raise":
            for begin, (_, rejections) in zip(begins, parts, strict=True):
                for place, why in rejections[:1]:
                    raise InputError(f"structure {begin + place} cannot be used: {why}")
        empty = np.empty((0, self.n_features_out_), dtype=np.float32)
        return np.concatenate([empty, *(features for features, _ in parts)])

    def rejections(self, X: Iterable[Any]) -> dict[int, str]:  # noqa: N803
        """Return the reason why a structure cannot be used, by its place in X; nothing for those that can."""
        return dict(_reasons(prepared_of(list(as_crystals(X)), self._config()).refused))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns: channel/curve/radius in Å, e.g. ``Li/beta1/3.20``."""
        check_is_fitted(self, "n_features_out_")
        return np.array(columns(self._config()), dtype=object)

    def save(self, path: Path | str) -> None:
        """Write the parameters as JSON."""
        params = {name: list(value) if isinstance(value, tuple) else value for name, value in self.get_params().items()}
        Path(path).write_text(json.dumps({"format": FORMAT, "version": 1, **params}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> BettiTransformer:
        """Return a fitted transformer of parameters written by `save`; nothing in the file is run.

        Raises
        ------
        InputError
            The file is something else.
        """
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
            if told.pop("format") != FORMAT or told.pop("version") != 1:
                raise InputError(f"{path} is no transformer of this version")
            told["channels"] = tuple(told["channels"])
            return cls(**told).fit([])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} cannot be read as a transformer: {error}") from error

    def _config(self) -> Config:
        return settings(self.get_params())

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: the input is a list of structures, no array."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        tags.no_validation = True
        return tags


def settings(params: Mapping[str, Any]) -> Config:
    """Return the settings that parameters of a transformer stand for.

    Raises
    ------
    ConfigError
        A parameter is unfit; the message names it.
    """
    unknown = sorted(set(params["r_max"] or {}) - set(CHANNELS))
    if unknown:
        raise ConfigError(f"r_max names no channel: {', '.join(unknown)}; there are {', '.join(CHANNELS)}")
    radii = {**Config().homology.r_max, **(params["r_max"] or {})}
    return read_config(
        None,
        {
            "cloud": {"mobile_ion": params["mobile_ion"], "channels": list(params["channels"])},
            "homology": {"r_max": radii},
            "curves": {name: params[name] for name in ("step", "percolation", "histogram")},
        },
    )


def curves(
    crystals: Sequence[Crystal | Rejection], config: Config
) -> tuple[NDArray[np.float32], list[tuple[int, str]]]:
    """Return the columns (n, n_columns) of crystals, and place and reason of those that cannot be used, NaN there."""
    prepared = prepared_of(crystals, config)
    return assemble(prepared, persist(prepared, config), config).features, _reasons(prepared.refused)


def _reasons(refused: Mapping[int, Rejection]) -> list[tuple[int, str]]:
    return [(place, f"{refused[place].code.value}: {refused[place].detail}") for place in sorted(refused)]
