"""Where files are: a folder here or an object store."""

from screening.locations.credentials import holds_credentials
from screening.locations.location import Location, is_url, location, require
from screening.locations.remote import Listed, Remote, read_all, write_all
from screening.locations.transfer import append_text, delivered, fetched, make_folder, publish, replace_text, scratch

__all__ = [
    "Listed",
    "Location",
    "Remote",
    "append_text",
    "delivered",
    "fetched",
    "holds_credentials",
    "is_url",
    "location",
    "make_folder",
    "publish",
    "read_all",
    "replace_text",
    "require",
    "scratch",
    "write_all",
]
