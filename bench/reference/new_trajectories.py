"""Trajectories that a recipe does not know yet: read from files, kept beside the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ase import Atoms
from ase.io import read

from bench.errors import BenchError
from bench.reference.plan import read_recipe, trajectory_loader
from bench.reference.store import Store
from bench.storage import write_frames, write_text


def read_trajectories(files: Sequence[str], store: Store) -> dict[str, list[Atoms]]:
    """The frames of files by the name of their trajectory, each with ``info["step"]``.

    The name is that of the file without its ending; a frame without ``step`` gets its place.

    Args:
        files: that ase reads.
        store: of the system that they are for.

    Raises:
        BenchError: a file that does not exist or cannot be read, two of one name, or one whose
            name is another trajectory's.
    """
    found: dict[str, list[Atoms]] = {}
    for file in map(Path, files):
        if file.stem in found:
            raise BenchError(f"{file}: two files are called {file.stem}, the trajectory's name.")
        place = _place(store, file.stem)
        if place.exists() and not (file.exists() and file.samefile(place)):
            raise BenchError(
                f"{file}: {store.system} has another trajectory of this name, {place}.",
                "Give the file another name, or name that one.",
            )
        if not file.is_file():
            raise BenchError(f"{file} does not exist.", "files= takes trajectories that ase reads.")
        try:
            frames: list[Atoms] = read(file, ":")
        except Exception as error:  # every format fails in its own way
            raise BenchError(f"{file} cannot be read: {error}", "Extended XYZ can.") from error
        for index, atoms in enumerate(frames):
            atoms.info = {"trajectory": file.stem, "step": index} | atoms.info
        found[file.stem] = frames
    return found


def keep_trajectories(store: Store, found: Mapping[str, Sequence[Atoms]]) -> None:
    """Name trajectories in the recipe, as training ones, and write their frames beside the others.

    What is named or there already is left as it is.

    Args:
        store: of the system.
        found: frames by name.

    Raises:
        BenchError: the recipe cannot be extended by its text.
    """
    path = store.folder / "recipe.yaml"
    if new := [name for name in found if name not in read_recipe(path).splits]:
        _name(path, new)
    for name, frames in found.items():
        if not (place := _place(store, name)).exists():
            write_frames(place, list(frames))


def loader_of(
    store: Store, found: Mapping[str, Sequence[Atoms]], *, every: int = 1
) -> Callable[[str], Sequence[Atoms]]:
    """Gives each n-th frame of a trajectory: one that was found, or one of the system's.

    Planned structures may name a trajectory that was never a file, such as a cell shaken by hand:
    it has no frames to give.

    Args:
        store: of the system.
        found: frames by name.
        every: n.
    """
    read_file = trajectory_loader(store.folder / "trajectories")

    def load(name: str) -> Sequence[Atoms]:
        if name in found:
            return found[name][::every]
        return read_file(name)[::every] if _place(store, name).is_file() else []

    return load


def _place(store: Store, name: str) -> Path:
    return store.folder / "trajectories" / f"{name}.xyz"


def _name(path: Path, names: Sequence[str]) -> None:
    """Add training trajectories to a recipe's text, which keeps its comments."""
    before = path.read_text(encoding="utf-8")
    key = "trajectories:"
    head, found, rest = before.partition(f"\n{key}")
    flow = rest.lstrip(" ").startswith("{")
    added = "".join(f" {name}: train," if flow else f"\n  {name}: train" for name in names)
    text = head + found + (rest.replace("{", "{" + added.lstrip(), 1) if flow else added + rest)
    wanted = read_recipe(path).splits | dict.fromkeys(names, "train")
    write_text(path, text)
    try:
        grown = read_recipe(path).splits
    except BenchError:
        grown = {}
    if grown != wanted:
        write_text(path, before)
        raise BenchError(
            f"{path}: its trajectories cannot be extended by a line; nothing was changed.",
            f"Write {', '.join(f'{name}: train' for name in names)} into it.",
        )
