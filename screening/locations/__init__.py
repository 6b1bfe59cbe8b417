"""Where files are: a folder here or an object store."""

from screening.locations.location import (
    Listed,
    Place,
    Remote,
    append_text,
    delivered,
    fetched,
    is_url,
    make_folder,
    place,
    publish,
    read_all,
    replace_text,
    scratch,
    write_all,
)

__all__ = [
    "Listed",
    "Place",
    "Remote",
    "append_text",
    "delivered",
    "fetched",
    "is_url",
    "make_folder",
    "place",
    "publish",
    "read_all",
    "replace_text",
    "scratch",
    "write_all",
]
