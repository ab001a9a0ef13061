"""What electrostatics costs, measured in one process with interleaved rounds.

A round times one step of every contender, so that a change of the machine's load hits all; numbers
are medians over rounds of ratios of CPU times, with the 95 % interval of that median.
"""
