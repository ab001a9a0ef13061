"""Imports mace in the one order and way that is safe; import this before mace, where it is needed.

Because of e3nn's constants mace sets an environment variable that switches torch's protection off
for everything that the process ever loads; it is taken back here.  mace brings its training tools
and torch's compiler, three seconds of CPU: what runs in every training does without.
"""

import bench.e3nn_import  # noqa: F401  # isort: skip  before mace

import contextlib
import io
import os

_PROTECTION_OFF = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_before = os.environ.get(_PROTECTION_OFF)
with contextlib.redirect_stdout(io.StringIO()):  # mace prints which accelerators are missing
    import mace.modules.models  # noqa: F401
if _before is None:
    os.environ.pop(_PROTECTION_OFF, None)
