"""The verbs of the command line, one short file each."""

from bench.verbs import Verb

VERBS = {
    "run": Verb(
        "bench.commands.run", "train and evaluate: bench run model=scf_qeq system=pt_water"
    ),
    "evaluate": Verb(
        "bench.commands.evaluate", "a run's numbers again, or those of anybody's calculator"
    ),
    "list": Verb("bench.commands.list", "models, systems, presets, metrics: bench list models"),
    "show": Verb("bench.commands.show", "a run's configuration, id and time, without running it"),
    "check": Verb(
        "bench.commands.check", "probe a model's physics without labels: bench check model=scf_qeq"
    ),
    "speed": Verb("bench.commands.speed", "time of a training step against mace-torch's own model"),
    "table": Verb("bench.commands.table", "runs beside each other, mean ± deviation over seeds"),
    "compare": Verb("bench.commands.compare", "what changed between two sets of runs beyond noise"),
    "regress": Verb("bench.commands.regress", "whether the code still gives its baselines"),
    "reproduce": Verb(
        "bench.commands.reproduce", "the numbers of a run, figure or study computed again"
    ),
    "report": Verb("bench.commands.report", "all runs as one HTML file: bench report"),
    "figures": Verb("bench.commands.figures", "a study's figures: bench figures field_response"),
    "status": Verb("bench.commands.status", "what has become of runs"),
    "export": Verb("bench.commands.export", "a trained point as one file"),
    "complete": Verb("bench.commands.complete", "let the shell complete verbs, keys and values"),
    "data": Verb("bench.commands.data", "generate, audit or import reference data"),
}
