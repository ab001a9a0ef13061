"""The points of the design space.

mace is imported here, before e3nn: torch refuses the constants that e3nn 0.4.4 unpickles unless
mace has set its environment variable first.  That variable disables ``weights_only`` everywhere,
so every ``torch.load`` of ours passes it explicitly.
"""

import mace  # noqa: F401
