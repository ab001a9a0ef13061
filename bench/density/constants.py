"""Constants of the electrostatics, in e, V and Å."""

import math

# One over ε0, exactly graph-longrange's, so that both agree to the last digit (CODATA: 9e-9 more).
FIELD_CONSTANT = 1 / 5.526349406e-3  # V Å / e
COULOMB_CONSTANT = FIELD_CONSTANT / (4 * math.pi)  # 14.3996453535 eV Å / e²
