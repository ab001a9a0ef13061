"""Signals set a flag once and act at once the second time."""

from __future__ import annotations

import signal
import threading

import pytest

from bench.signals import Interrupted, interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_flag_and_handlers_come_back(number: signal.Signals) -> None:
    before = signal.signal(number, signal.default_int_handler)
    try:
        with interruptible() as flag:
            assert not flag
            signal.raise_signal(number)
            assert flag and flag.signal == number.name
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_the_second_signal_acts_at_once() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    try:
        with pytest.raises(KeyboardInterrupt), interruptible():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_there_is_no_handler() -> None:
    found: list[bool] = []

    def work() -> None:
        with interruptible() as flag:
            found.append(bool(flag))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def test_interrupted_is_what_a_caller_of_ctrl_c_expects() -> None:
    assert issubclass(Interrupted, KeyboardInterrupt)
