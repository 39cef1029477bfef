"""What each subcommand does: build the job, run it. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from pathlib import Path

from nqe_core.errors import InputError


def _run(job, options: Namespace) -> int:
    from nqe_core.campaign import Options, run

    how = Options(
        ranks=options.ranks,
        flush_seconds=options.flush_seconds,
        max_failed_fraction=options.max_failed_fraction,
    )
    with job:
        return run(job, Path(options.output), how)


def _check(options: Namespace) -> None:
    """Refuse a wrong launcher before anything is read or compiled."""
    from nqe_core.crew import check_launcher

    check_launcher(options.ranks)


def _model(name: str, parameters: str | None):
    from nqe_core.models import Model, get_model

    if parameters is None:
        return get_model(name)
    try:
        values = json.loads(parameters)
    except json.JSONDecodeError as error:
        raise InputError(f"--model-parameters is not JSON ({error})") from None
    if not isinstance(values, dict):
        raise InputError("--model-parameters is not a JSON object")
    return Model.from_parameters(name, values)


def equilibrate(options: Namespace) -> int:
    _check(options)
    from nqe_core.equilibration import Protocol, equilibrate_job

    protocol = Protocol(
        model=_model(options.model, options.model_parameters),
        ensemble=options.ensemble,
        n_particles=options.n_particles,
        temperature=options.temperature,
        burn_in=options.burn_in,
        spacing=options.spacing,
        swap_fraction=options.swap_fraction,
        samples_per_walker=options.samples_per_walker,
        root_seed=options.root_seed,
        sampler=options.sampler,
    )
    return _run(equilibrate_job(protocol, options.first_sample, options.n_samples), options)


def quench(options: Namespace) -> int:
    _check(options)
    from nqe_core.stages import quench_job

    job = quench_job(
        Path(options.liquid), options.tolerance, options.preparation, options.cooling_rate, options.cooling_start
    )
    return _run(job, options)


def harmonic(options: Namespace) -> int:
    _check(options)
    from nqe_core.stages import harmonic_job

    job = harmonic_job(Path(options.inherent_state), options.n_modes, options.method, options.certify)
    return _run(job, options)


def quartic(options: Namespace) -> int:
    _check(options)
    from nqe_core.stages import quartic_job, second_quartic_job

    files = [Path(options.inherent_state), Path(options.harmonic)]
    if options.after:
        return _run(second_quartic_job(*files, Path(options.after), options.method, options.tolerance), options)
    return _run(quartic_job(*files, options.method, options.tolerance), options)


def cubic(options: Namespace) -> int:
    _check(options)
    from nqe_core.stages import cubic_job

    files = [Path(options.inherent_state), Path(options.quartic)]
    return _run(cubic_job(*files, options.starts, options.method, options.tolerance), options)


def observables(options: Namespace) -> int:
    _check(options)
    from nqe_core.stages import observables_job

    if Path(options.output).suffix != ".parquet":
        raise InputError(f"--output is {options.output}, must end in .parquet")
    stages = ("liquid", "inherent_state", "harmonic", "quartic", "cubic")
    return _run(observables_job(*(Path(getattr(options, stage)) for stage in stages)), options)


def gather(options: Namespace) -> int:
    from nqe_core.tables import count_failures, gather_tables

    table = gather_tables([Path(path) for path in options.tables], Path(options.output))
    for ensemble, (total, reasons) in count_failures(table).items():
        failed = sum(reasons.values())
        why = "".join(f"; {count} x {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
        print(f"gather {ensemble}: {total} samples, {failed} failed{why}", file=sys.stderr)
    return 0


def verify(options: Namespace) -> int:
    from nqe_core.verify import verify_campaign

    report = verify_campaign(
        Path(options.results), Path(options.sheet) if options.sheet else None, options.least_burn_in
    )
    for line in report.notes:
        print(f"note: {line}")
    for line in report.problems:
        print(f"problem: {line}")
    print(f"{options.results}: {report.files} files, {report.samples} samples, {len(report.problems)} problems")
    return 1 if report.problems else 0


def relaxation(options: Namespace) -> int:
    from nqe_core.ensembles import read_sheet
    from nqe_core.relaxation import Study, measure_relaxation
    from nqe_core.relaxation_report import compared, report, write_curves
    from nqe_core.relaxation_table import add_to_table

    own = ("n_particles", "temperature", "sweeps", "burn_in", "walkers", "sampler", "swap_fraction",
           "start_temperature", "start_sweeps", "root_seed")  # fmt: skip
    study = Study(_model(options.model, options.model_parameters), **{name: getattr(options, name) for name in own})
    rows = read_sheet(options.sheet, models=None) if options.sheet else ()
    started = time.monotonic()

    def progress(done: int) -> None:
        each = (time.monotonic() - started) / done
        left = f"{each:.0f} s each, {each * (study.walkers - done):.0f} s left"
        print(f"relaxation {study.model.name} T={study.temperature:g}: {done}/{study.walkers} walkers, {left}",
              file=sys.stderr, flush=True)  # fmt: skip

    found = measure_relaxation(study, progress)
    line = found.line(study)
    if options.table:
        add_to_table(options.table, line)
    if options.curves:
        write_curves(Path(options.curves), found)
    print("\n".join([*report(found), *compared(line, rows)]))
    return 0


def warmup(options: Namespace) -> int:
    from nqe_core.warmup import compile_kernels

    compile_kernels(sys.stderr)
    return 0


def models(options: Namespace) -> int:
    from nqe_core.models import MODELS

    shown = {name: {k: v for k, v in model.parameters().items() if k != "name"} for name, model in MODELS.items()}
    print(json.dumps(shown, indent=2))
    return 0
