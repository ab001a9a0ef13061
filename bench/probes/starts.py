"""Does the self-consistent density depend on where and how it is iterated?"""

from __future__ import annotations

import ase
import numpy as np
import torch

from bench.config.schema import Guess, Solver
from bench.data.batch import build_graph, collate
from bench.labels.quantities import MULTIPOLES
from bench.models.prediction import Prediction
from bench.models.registry import with_options
from bench.models.self_consistent import SelfConsistentPoint
from bench.probes.materials import available, polar_slab, quartz, shaken, water_pair
from bench.probes.probe import Probe
from bench.probes.result import Measurement, NotApplicable, Observed
from bench.probes.subject import Subject

BAR = 1e-6  # e, e Å: a hundred times the default tolerance of the solve
DISTURBANCE = 0.1  # e, e Å, of the third start from the solution
SOLVERS = (Solver.newton, Solver.anderson)
MAX_ITERATIONS = 200


def starts(subject: Subject) -> Observed:
    """Densities and iterations of two solvers from the local guess, zero and a wrong density."""
    model = subject.model
    if not isinstance(model, SelfConsistentPoint):
        raise NotApplicable(f"the density of {subject.point} is not self-consistent")
    materials = available([water_pair, polar_slab, quartz], subject.elements)
    measurements = []
    for solver in SOLVERS:
        outcomes = [compare(model, shaken(atoms), solver) for atoms in materials]
        spread, iterations, failures = (list(part) for part in zip(*outcomes))
        measurements += [
            Measurement(f"density by start, {solver.value}", max(spread), "e", BAR),
            Measurement(f"most iterations, {solver.value}", max(iterations), ""),
            Measurement(f"starts that did not converge, {solver.value}", sum(failures), "", 0),
        ]
    return Observed(", ".join(a.get_chemical_formula() for a in materials), measurements)


def compare(
    model: SelfConsistentPoint, atoms: ase.Atoms, solver: Solver
) -> tuple[float, float, float]:
    """Largest difference between densities (e, e Å), most iterations, starts without convergence.

    Args:
        model: the point.
        atoms: one structure with charge and field.
        solver: an iterative one.
    """
    first = solve_from(model, atoms, Guess.local, solver)
    disturbed = atoms.copy()
    wrong = DISTURBANCE * np.random.default_rng(0).normal(size=(len(atoms), 4))
    solution = _multipoles(first).numpy()
    wrong[:, : solution.shape[1]] += solution
    disturbed.arrays[MULTIPOLES.reference_key] = wrong
    others = [
        solve_from(model, atoms, Guess.zero, solver),
        solve_from(model, disturbed, Guess.reference, solver),
    ]
    densities = torch.stack([_multipoles(prediction) for prediction in (first, *others)])
    reports = [prediction.scf for prediction in (first, *others) if prediction.scf is not None]
    return (
        float((densities[1:] - densities[0]).abs().max()),
        max(float(report.iterations[0]) for report in reports),
        float(sum(not bool(report.converged[0]) for report in reports)),
    )


def _multipoles(prediction: Prediction) -> torch.Tensor:
    assert prediction.multipoles is not None
    return prediction.multipoles.cpu()


def solve_from(
    model: SelfConsistentPoint, atoms: ase.Atoms, guess: Guess, solver: Solver
) -> Prediction:
    """The model's prediction with another first guess and solver."""
    variant = with_options(
        model, initial_density=guess, solver=solver, max_iterations=MAX_ITERATIONS
    )
    device = next(model.parameters()).device
    batch = collate([build_graph(atoms, model.graph_settings)]).to(device)
    prediction: Prediction = variant(batch, compute_forces=False)
    return prediction


PROBE = Probe("starts", "does the density depend on the first guess?", starts)
