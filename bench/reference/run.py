"""Label a plan with CP2K: several workers, every finished structure saved at once, resumable."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from ase import Atoms
from ase.data import atomic_numbers
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.errors import BenchError
from bench.reference.cp2k_input import pseudopotential_charge
from bench.reference.labelling import LOWEST_PRIORITY, Label, NotLabelled, Worker
from bench.reference.partition import load_proatoms
from bench.reference.store import Store
from bench.storage import locked


@dataclass
class Queue:
    """The plan in its order; one worker takes one group, so that its wave functions help.

    Attributes:
        groups: structures that still need a label, neighbours of one group together.
    """

    groups: deque[list[Atoms]]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, plan: list[Atoms], done: set[str]) -> Queue:
        """What is left of a plan."""
        left = [atoms for atoms in plan if atoms.info["uid"] not in done]
        runs = groupby(left, key=lambda atoms: atoms.info["group"])
        return cls(deque(list(run) for _, run in runs))

    def take(self) -> list[Atoms]:
        """The next group, empty when none is left."""
        with self._lock:
            return self.groups.popleft() if self.groups else []

    def clear(self) -> None:
        """Let the workers find nothing more."""
        with self._lock:
            self.groups.clear()

    def __len__(self) -> int:
        return sum(map(len, self.groups))


@dataclass(frozen=True)
class Outcome:
    """How many structures a call has labelled, and the failed ones with their reasons."""

    labelled: int
    failed: dict[str, str]


def generate(
    store: Store,
    *,
    workers: int,
    scratch: Path,
    keep_densities: bool = True,
    niceness: int = LOWEST_PRIORITY,
    retry_failed: bool = False,
    limit: int | None = None,
) -> Outcome:
    """Label what is left of the plan; may be interrupted at any time and called again.

    Args:
        store: the system's folder.
        workers: calculations at a time, one core each.
        scratch: folder for running calculations and densities; not shared between calls.
        keep_densities: keep every full density (about 3 MB) in ``scratch``/densities.
        niceness: of the calculations, 0 to 19.
        retry_failed: try again what failed before.
        limit: stop after so many structures.

    Raises:
        BenchError: another call works for this system or in ``scratch``, or an element of the plan
            has no pseudopotential or free atom.
    """
    failures = store.failures()
    done = store.labelled() | (set() if retry_failed else set(failures))
    left = [atoms for atoms in store.plan() if atoms.info["uid"] not in done][:limit]
    _require_elements(left, store.free_atoms)
    queue = Queue.of(left, done)
    densities = scratch / "densities" if keep_densities else None
    crew = [
        Worker(scratch / f"worker-{n}", densities, niceness, store.free_atoms)
        for n in range(workers)
    ]
    with (
        locked(store.folder, mend="Wait for it: both would label the same structures."),
        locked(scratch, mend="Wait for it, or name another folder: scratch=FOLDER"),
        _progress(len(queue)) as report,
    ):
        shift = _Shift(store, queue, failures, report)
        with ThreadPoolExecutor(workers) as pool:
            try:
                for task in [pool.submit(shift.work, worker) for worker in crew]:
                    task.result()
            except BaseException:
                queue.clear()
                for worker in crew:
                    worker.stop()
                raise
    return Outcome(shift.labelled, failures)


def _require_elements(plan: Sequence[Atoms], free_atoms: Path) -> None:
    """Refuse before the first SCF what would stop the partition after it."""
    symbols = sorted({symbol for atoms in plan for symbol in atoms.get_chemical_symbols()})
    for symbol in symbols:
        pseudopotential_charge(symbol)
    free = load_proatoms(free_atoms)
    lacking = [symbol for symbol in symbols if atomic_numbers[symbol] not in free]
    if lacking:
        raise BenchError(
            f"The plan's elements {', '.join(lacking)} have no free atom for the partition.",
            f"Make them: bench data proatoms elements={','.join(lacking)}",
        )


@dataclass
class _Shift:
    """What the workers of one call share."""

    store: Store
    queue: Queue
    failures: dict[str, str]
    report: _Report
    labelled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, worker: Worker) -> None:
        while group := self.queue.take():
            for atoms in group:
                try:
                    self._finished(worker.label(atoms))
                except NotLabelled as failure:
                    if worker.stopped:
                        return
                    self._failed(atoms.info["uid"], str(failure))

    def _finished(self, label: Label) -> None:
        with self._lock:
            self.store.write_label(label)
            self.labelled += 1
            if self.failures.pop(label["uid"], None) is not None:
                self.store.write_failures(self.failures)
            done = label["provenance"]
            self.report(f"{label['uid']}: {done['scf_steps']} SCF steps, {done['seconds']:.0f} s")

    def _failed(self, uid: str, reason: str) -> None:
        with self._lock:
            self.failures[uid] = reason
            self.store.write_failures(self.failures)
            self.report(f"{uid}: failed ({reason})")


@dataclass
class _Report:
    """A progress bar with rate and time left; plain lines when not in a terminal."""

    progress: Progress
    total: int
    started: float = field(default_factory=time.monotonic)
    done: int = 0

    def __call__(self, line: str) -> None:
        self.done += 1
        hours = (time.monotonic() - self.started) / 3600
        rate = f"{self.done / max(hours, 1e-9):.0f} per hour"
        if self.progress.console.is_terminal:
            self.progress.console.print(line)
            self.progress.update(self.progress.task_ids[0], advance=1, rate=rate)
        else:
            left = (self.total - self.done) * hours / self.done
            print(f"{line}; {self.done}/{self.total}, {rate}, {left:.1f} h left", flush=True)


@contextmanager
def _progress(total: int) -> Iterator[_Report]:
    columns = (
        TextColumn("labelling"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(file=sys.stdout)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        progress.add_task("labels", total=total, rate="")
        yield _Report(progress, total)
