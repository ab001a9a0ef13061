"""What ``bench speed`` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.config.catalogue import choices
from bench.config.key import key
from bench.config.schema import Functional, Update

FIRST_POINTS = ["short_range", "local_charges", "scf_qeq", "scf_fixed_point"]
ACCURACY = "accuracy"
PARTS = ("training", "inference", "memory", "share", "matrices", "solvers", "polar", ACCURACY)
DTYPES = ("float32", "float64")
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {  # model and other options, by name
    "scf_fixed_point-mlp": ("scf_fixed_point", {"update": Update.mlp}),
    "scf_fixed_point-many_body": ("scf_fixed_point", {"update": Update.many_body}),
    "scf_energy_functional-quadratic": (
        "scf_energy_functional",
        {"functional": Functional.quadratic},
    ),
}
NAMES = (*choices("model"), *VARIANTS)


@dataclass
class Speed:
    """What electrostatics and self-consistency cost, as ratios, on four slabs of Pt with water.

    bench speed                                    training steps of four points, 54 atoms
    bench speed part=inference models=all          every point, energy and forces
    bench speed part=memory,share models=all       peak memory; what is behind the backbone
    bench speed part=solvers                       our solve against mixing loops
    bench speed part=matrices atoms=216,432        where model.dense_limit belongs
    bench speed part=accuracy out=results/speed    force error by CPU time, against mace_run_train
    bench speed atoms=24,54,216 out=results/speed  several sizes, and a CSV file
    """

    part: list[str] = key(["training"], "what is timed", choices=PARTS)
    models: list[str] = key(FIRST_POINTS, "points or variants", choices=(*NAMES, "all"))
    rounds: int = key(15, "interleaved rounds; six give a 95 % interval", least=6)
    atoms: list[int] = key([54], "of a slab", above=0)
    dtype: str = key("float32", "of the backbone", choices=DTYPES)
    threads: int = key(1, "of torch", least=1)
    epochs: int = key(30, "of part=accuracy", above=0)
    out: str = key("", "folder of a CSV file for each part, and of the figure of part=accuracy")

    def points(self) -> list[str]:
        """The models by name; of all of them the plain potential comes first."""
        if "all" not in self.models:
            return self.models
        return ["short_range", *(name for name in NAMES if name != "short_range")]
