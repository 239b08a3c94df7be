"""Where compiled kernels are kept: in the user's cache, in a folder of this code's own.

Numba looks at the file of a kernel only, not at those of the kernels it calls, which are compiled into it. So
a kernel would outlive a change of what it calls; a folder named after all kernels' sources does not.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

_PACKAGES = "streams", "simulator", "detectors"
_KERNEL = b"njit"


def kernel_cache() -> Path:
    """Folder for the kernels of the code as it is installed; it need not exist."""
    root, total = Path(__file__).parents[1], hashlib.blake2b(digest_size=8)
    for package in _PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            source = file.read_bytes()
            if _KERNEL in source:
                total.update(str(file.relative_to(root)).encode())
                total.update(source)
    return _user_cache() / "breakwater" / "numba" / total.hexdigest()


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
