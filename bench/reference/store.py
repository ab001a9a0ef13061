"""What a dataset folder holds while it grows: the plan, one label per structure, the failures."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ase import Atoms
from ase.io import read

from bench.errors import BenchError, nearest
from bench.paths import shipped
from bench.reference.partition import PROATOMS
from bench.storage import write_bytes, write_frames, write_json

PLAN_KEYS = (
    "uid",
    "group",
    "subset",
    "split",
    "trajectory",
    "total_charge",
    "multiplicity",
    "field",
    "k_points",
)
_LABEL_ENDING = ".json.gz"
_FREE_ATOMS = "proatoms.npz"


def read_by_hand(path: Path, *, use: str = "") -> Any:
    """What a person wrote of a system in YAML, not checked any further.

    Args:
        path: in the system's folder.
        use: what it is for, for the message.

    Raises:
        BenchError: no such file, or no YAML.
    """
    if not path.is_file():
        example = shipped("datasets") / "al_water" / path.name
        raise BenchError(f"{path} does not exist{use}.", f"Write it as {example} is written.")
    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise BenchError(f"{path} is no YAML: {error}") from error


@dataclass(frozen=True)
class Store:
    """A system's folder, ``datasets/<system>``."""

    folder: Path

    @property
    def system(self) -> str:
        """The system's name."""
        return self.folder.name

    def plan(self) -> list[Atoms]:
        """The structures to label, in order of priority.

        Raises:
            BenchError: no plan, a key is missing in a structure, or a uid occurs twice.
        """
        path = self.folder / "plan.extxyz"
        if not path.is_file():
            raise BenchError(
                f"{path} does not exist.", f"Make one: bench data plan system={self.system}"
            )
        frames: list[Atoms] = read(path, ":")
        seen: set[str] = set()
        for index, atoms in enumerate(frames):
            missing = [key for key in PLAN_KEYS if key not in atoms.info]
            if missing:
                raise BenchError(f"{path}, structure {index}: {missing} missing.")
            if atoms.info["uid"] in seen:
                raise BenchError(
                    f"{path}, structure {index}: uid {atoms.info['uid']} occurs twice."
                )
            seen.add(atoms.info["uid"])
        return frames

    def planned(self, uid: str) -> Atoms:
        """One structure of the plan.

        Raises:
            BenchError: the plan has none of this uid.
        """
        plan = {atoms.info["uid"]: atoms for atoms in self.plan()}
        if uid not in plan:
            raise BenchError(f"{self.system} has no planned structure {uid}.", nearest(uid, plan))
        return plan[uid]

    def write_plan(self, frames: list[Atoms]) -> None:
        """Replace the plan."""
        write_frames(self.folder / "plan.extxyz", frames)

    def _label_path(self, uid: str) -> Path:
        return self.folder / "labels" / f"{uid}{_LABEL_ENDING}"

    @property
    def free_atoms(self) -> Path:
        """File of the free atoms that labels are partitioned with: the package's, or the system's.

        A dataset never mixes two partitions.  One that was begun with other free atoms keeps them
        in ``proatoms.npz``, for new labels and those of its validation, until
        ``bench data repartition`` has given all of them the package's.
        """
        own = (folder / _FREE_ATOMS for folder in (self.folder, self.folder.parent))
        return next((path for path in own if path.is_file()), PROATOMS)

    def forget_free_atoms(self) -> None:
        """From now on the package's free atoms are the system's."""
        (self.folder / _FREE_ATOMS).unlink(missing_ok=True)

    def labelled(self) -> set[str]:
        """The uids that have a label."""
        paths = (self.folder / "labels").glob(f"*{_LABEL_ENDING}")
        return {path.name.removesuffix(_LABEL_ENDING) for path in paths}

    def read_label(self, uid: str) -> dict[str, Any]:
        """One label with everything that was kept of the calculation."""
        with gzip.open(self._label_path(uid), "rt") as file:
            label: dict[str, Any] = json.load(file)
        return label

    def write_label(self, label: dict[str, Any]) -> None:
        """Add one finished label; the same label always gives the same bytes."""
        text = json.dumps(label, allow_nan=False, separators=(",", ":"))
        write_bytes(self._label_path(label["uid"]), gzip.compress(text.encode(), mtime=0))

    def move_label(self, uid: str, store: Store) -> None:
        """Put a label in the place of another store's."""
        self._label_path(uid).replace(store._label_path(uid))

    def failures(self) -> dict[str, str]:
        """Reason by uid of the structures that could not be labelled."""
        path = self.folder / "failed.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def write_failures(self, failures: dict[str, str]) -> None:
        """Replace the list of failures."""
        write_json(self.folder / "failed.json", dict(sorted(failures.items())))


def open_store(system: str) -> Store:
    """The folder of a system that is being made: ./datasets/<system>, or a shipped one.

    Raises:
        BenchError: it has neither a plan nor a recipe.
    """
    local = Path("datasets") / system
    folder = local if local.is_dir() else shipped("datasets") / system
    if not (folder / "plan.extxyz").is_file() and not (folder / "recipe.yaml").is_file():
        known = [path.parent.name for path in shipped("datasets").glob("*/plan.extxyz")]
        raise BenchError(f"system={system}: {folder} has no plan.", nearest(system, known))
    return Store(folder)
