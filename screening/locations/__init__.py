"""Where files are: a folder here or an object store."""

from screening.locations.credentials import holds_credentials
from screening.locations.disk import DISK, PARTIAL, Disk, beside, new_folder, replaced, write_whole
from screening.locations.location import Location, is_url, location, require
from screening.locations.remote import Listed, Remote, read_all, write_all
from screening.locations.transfer import append_text, delivered, fetched, make_folder, publish, replace_text, scratch

__all__ = [
    "DISK",
    "PARTIAL",
    "Disk",
    "Listed",
    "Location",
    "Remote",
    "append_text",
    "beside",
    "delivered",
    "fetched",
    "holds_credentials",
    "is_url",
    "location",
    "make_folder",
    "new_folder",
    "publish",
    "read_all",
    "replace_text",
    "replaced",
    "require",
    "scratch",
    "write_all",
    "write_whole",
]
