"""The machine here: what the process may use of it, its GPUs, its child processes, the versions that compute."""

from screening.host.child import Child, answer_of, receive, send
from screening.host.garbage import no_search_for_cycles
from screening.host.gpu import Device, Wanted, check_one_cupy, cupy_wheels, driver_version, find_gpus, resolve
from screening.host.limits import cores, memory
from screening.host.output import native_output_held
from screening.host.parts import in_parts
from screening.host.time_limit import time_limit
from screening.host.versions import versions

__all__ = [
    "Child",
    "Device",
    "Wanted",
    "answer_of",
    "check_one_cupy",
    "cores",
    "cupy_wheels",
    "driver_version",
    "find_gpus",
    "in_parts",
    "memory",
    "native_output_held",
    "no_search_for_cycles",
    "receive",
    "resolve",
    "send",
    "time_limit",
    "versions",
]
