"""Chunks of a store decoded by their own codecs, without Zarr between: it asks a thread of its own for each of them.

What is decoded is what Zarr would decode; a test compares both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr
from numcodecs.vlen import VLenUTF8  # type: ignore[import-untyped]
from numcodecs.zstd import Zstd  # type: ignore[import-untyped]
from numpy.typing import NDArray
from zarr.codecs import BytesCodec, VLenUTF8Codec, ZstdCodec
from zarr.core.metadata import ArrayV3Metadata

from screening.errors import StoreError


def decoded(array: zarr.Array[Any], content: bytes) -> NDArray[Any]:
    """Return a whole chunk of an array, of the array's chunk shape: numbers of its type, or str as object.

    Parameters
    ----------
    array
        As `FeatureStore.create` makes them: compressed by Zstandard after little-endian numbers or UTF-8 texts.
    content
        The bytes of the chunk.

    Raises
    ------
    StoreError
        The array has other codecs, or the bytes are no such chunk.
    """
    metadata = array.metadata
    first, *rest = metadata.codecs if isinstance(metadata, ArrayV3Metadata) else (None,)
    if not (len(rest) == 1 and isinstance(rest[0], ZstdCodec) and isinstance(first, (BytesCodec, VLenUTF8Codec))):
        raise StoreError(f"{array.name}: not encoded as this program does it")
    try:
        raw = Zstd().decode(content)
        flat: NDArray[Any]
        if isinstance(first, VLenUTF8Codec):
            flat = VLenUTF8().decode(raw)
        else:
            flat = np.frombuffer(raw, dtype=np.dtype(array.dtype).newbyteorder("<")).astype(array.dtype, copy=False)
        return flat.reshape(array.chunks)
    except (RuntimeError, ValueError) as error:
        raise StoreError(f"{array.name}: a chunk cannot be decoded: {error}") from error
