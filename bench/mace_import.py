"""Imports mace and e3nn in the one order and way that is safe; import this before either.

e3nn 0.4.4 reads its constants with ``torch.load``, which refuses the slices among them; mace
therefore sets an environment variable that switches torch's protection off for everything that
the process ever loads.  Slices are declared safe here instead, and the variable is taken back.
"""

import contextlib
import io
import os
import warnings

import torch

torch.serialization.add_safe_globals([slice])

# torch 2.14 tells every user of e3nn that TorchScript is going to end, at every module.
warnings.filterwarnings("ignore", message=r"`torch\.jit\.")
_PROTECTION_OFF = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_before = os.environ.get(_PROTECTION_OFF)
with contextlib.redirect_stdout(io.StringIO()):  # mace prints which accelerators are missing
    import e3nn.o3  # noqa: F401
    import mace.modules.models  # noqa: F401
if _before is None:
    os.environ.pop(_PROTECTION_OFF, None)
