"""What the settings of every stage have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Base of all sections: no unknown keys, no change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
