"""Imports e3nn in a safe way; import this before e3nn.

e3nn 0.4.4 reads its constants with ``torch.load``, which refuses the slices among them; they are
declared safe here, and torch's protection against pickles stays on.
"""

import warnings

import torch

torch.serialization.add_safe_globals([slice])

# torch 2.14 tells every user of e3nn that TorchScript is going to end, at every module.
warnings.filterwarnings("ignore", message=r"`torch\.jit\.")
import e3nn.o3  # noqa: E402, F401
