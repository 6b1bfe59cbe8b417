"""NumPy behind the rules of CuPy, and CuPy with the kernels run on the host: for tests where there is no GPU."""

from __future__ import annotations

import ctypes
import types
from collections.abc import Callable
from typing import Any

import numpy as np


class DeviceArray(np.ndarray):
    """An array that, as a CuPy array does, refuses to meet a host array or a function of NumPy itself."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        for value in inputs:
            if type(value) is np.ndarray and value.ndim:
                raise TypeError(f"host array in {ufunc.__name__}")
        plain = [value.view(np.ndarray) if isinstance(value, DeviceArray) else value for value in inputs]
        return on_device(getattr(ufunc, method)(*plain, **kwargs))

    def __array_function__(self, func, types, args, kwargs):
        raise TypeError(f"np.{func.__name__} called with a device array")

    def __getitem__(self, key):
        for part in key if isinstance(key, tuple) else (key,):
            if type(part) is np.ndarray:
                raise TypeError("host array as an index")
        return on_device(self.view(np.ndarray)[key])


def on_device(value):
    return np.asarray(value).view(DeviceArray) if isinstance(value, np.ndarray) else value


class Device:
    """NumPy behind the rules of CuPy: `asarray` takes host arrays in, `asnumpy` out, all else device arrays alone."""

    def __init__(self, module=np) -> None:
        self.module = module

    def asarray(self, value):
        return on_device(np.array(value))

    def asnumpy(self, value):
        assert isinstance(value, DeviceArray)
        return value.view(np.ndarray)

    def __getattr__(self, name):
        found = getattr(self.module, name)
        return self.bound(name, found) if callable(found) and not isinstance(found, type) else found

    def bound(self, name, function):
        def plain(value):
            if isinstance(value, list | tuple):
                return type(value)(plain(part) for part in value)
            if type(value) is np.ndarray and value.ndim:
                raise TypeError(f"host array given to xp.{name}")
            return value.view(np.ndarray) if isinstance(value, DeviceArray) else value

        return lambda *args, **kwargs: on_device(
            function(*map(plain, args), **{key: plain(value) for key, value in kwargs.items()})
        )


class HostCupy(Device):
    """CuPy as far as it is used, its kernels those of a library compiled for the host."""

    __name__ = "cupy"

    def __init__(self, library: ctypes.CDLL) -> None:
        super().__init__()
        self.library = library
        self.launches: list[str] = []
        self.cuda = types.SimpleNamespace(Device=lambda: types.SimpleNamespace(id=0))

    def is_available(self) -> bool:
        return True

    def bincount(self, values, weights=None, minlength=None):
        assert weights is None, "CuPy adds weights in the order in which threads come"
        return self.bound("bincount", np.bincount)(values, minlength=minlength)

    def RawModule(self, *, code: str, options: tuple[str, ...]) -> Any:  # noqa: N802 - CuPy's name
        assert "screening_count_alive" in code
        assert "#include" not in code, "CuPy's cache on disk knows the text alone"
        assert "--fmad=false" in options
        return types.SimpleNamespace(get_function=self._kernel)

    def _kernel(self, name: str) -> Callable[..., None]:
        run = getattr(self.library, f"host_{name}")

        def launch(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
            self.launches.append(name)
            given: list[Any] = [ctypes.c_uint(grid[0]), ctypes.c_uint(block[0])]
            for argument in arguments:
                if isinstance(argument, DeviceArray):
                    given.append(ctypes.c_void_p(argument.ctypes.data))
                elif isinstance(argument, np.float64):
                    given.append(ctypes.c_double(float(argument)))
                else:
                    assert isinstance(argument, np.int64), type(argument)
                    given.append(ctypes.c_longlong(int(argument)))
            run(*given)

        return launch
