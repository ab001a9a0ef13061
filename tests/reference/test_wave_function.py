"""Orbitals of a closed shell rewritten for an open one, in CP2K's own records."""

import numpy as np
from scipy.io import FortranFile

from bench.reference.wave_function import open_shell


def write_closed(path, orbitals):
    with FortranFile(path, "w") as file:
        for record in ([35, 1, 2, 1, 5], [1, 2], [3, 4], [5, 6], [len(orbitals), 2, 3, 4]):
            file.write_record(np.array(record, np.int32))
        file.write_record(np.array([-1.0, -0.5, 0.2, 2.0, 2.0, 0.0]))
        for orbital in orbitals:
            file.write_record(np.array(orbital))


def test_both_spins_have_the_orbitals_and_are_filled_from_below(tmp_path):
    orbitals = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
    write_closed(tmp_path / "closed.wfn", orbitals)
    open_shell(tmp_path / "closed.wfn", tmp_path / "open.wfn", electrons=(3, 2))
    with FortranFile(tmp_path / "open.wfn") as file:
        assert file.read_ints(np.int32).tolist() == [35, 2, 2, 1, 5]
        assert [file.read_ints(np.int32).tolist() for _ in range(3)] == [[1, 2], [3, 4], [5, 6]]
        for filled, occupations in ((3, [1, 1, 1]), (2, [1, 1, 0])):
            assert file.read_ints(np.int32).tolist() == [3, filled, filled + 1, filled]
            assert file.read_reals(float).tolist() == [-1.0, -0.5, 0.2, *occupations]
            assert [file.read_reals(float).tolist() for _ in range(3)] == orbitals
    rest = (tmp_path / "open.wfn").read_bytes()
    assert len(rest) == (20 + 3 * 8 + 2 * (16 + 48 + 3 * 16)) + 8 * (4 + 2 * 5)
