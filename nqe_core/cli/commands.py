"""What each subcommand does: build the job, run it. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import json
import math
import sys
import time
from argparse import Namespace
from pathlib import Path

from nqe_core.errors import InputError
from nqe_core.file_schema import HDF5_STAGES


def _options(options: Namespace):
    from nqe_core.campaign import Options

    return Options(
        ranks=options.ranks,
        flush_seconds=options.flush_seconds,
        max_failed_fraction=options.max_failed_fraction,
        wait_seconds=options.wait_seconds,
    )


def _run(job, options: Namespace) -> int:
    from nqe_core.campaign import run

    with job:
        return run(job, Path(options.output), _options(options))


def _check(options: Namespace, ending: str = ".h5") -> None:
    """Refuse a wrong launcher, or an output that cannot be, before anything is read or compiled."""
    from nqe_core.crew import check_launcher

    check_launcher(options.ranks)
    _check_output(options, ending)


def _check_output(options: Namespace, ending: str = "") -> None:
    from nqe_core.atomic_files import check_output

    given = [getattr(options, name, None) for name in (*HDF5_STAGES, "after")]
    given += [*getattr(options, "files", []), *getattr(options, "tables", [])]
    check_output(Path(options.output), [Path(path) for path in given if path is not None], ending)


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
    if options.after is not None:
        return _run(second_quartic_job(*files, Path(options.after), options.method, options.tolerance), options)
    return _run(quartic_job(*files, options.method, options.tolerance), options)


def cubic(options: Namespace) -> int:
    _check(options)
    from nqe_core.stages import cubic_job

    files = [Path(options.inherent_state), Path(options.quartic)]
    return _run(cubic_job(*files, options.starts, options.method, options.tolerance), options)


def double_wells(options: Namespace) -> int:
    _check(options)
    from nqe_core.double_well_stage import double_wells_job

    return _run(double_wells_job(Path(options.inherent_state), Path(options.cubic)), options)


def observables(options: Namespace) -> int:
    _check(options, ".parquet")
    from nqe_core.stages import observables_job

    liquid = Path(options.liquid) if options.liquid is not None else None
    files = [Path(getattr(options, stage)) for stage in ("inherent_state", "harmonic", "quartic", "cubic")]
    return _run(observables_job(liquid, *files), options)


def gather(options: Namespace) -> int:
    _check_output(options, ".parquet")
    from nqe_core.tables import count_failures, gather_tables

    _count("gather", count_failures(gather_tables([Path(path) for path in options.tables], Path(options.output))))
    return 0


def merge(options: Namespace) -> int:
    _check_output(options, ".parquet")
    from nqe_core.packed_tables import merge_tables
    from nqe_core.tables import count_failures

    _count("merge", count_failures(merge_tables([Path(path) for path in options.tables], Path(options.output))))
    return 0


def _count(command: str, failures: dict[str, tuple[int, dict[str, int]]]) -> None:
    """Say how many samples there are, how many failed, and why."""
    for ensemble, (total, reasons) in failures.items():
        failed = sum(reasons.values())
        why = "".join(f"; {count} x {reason}" for reason, count in sorted(reasons.items(), key=lambda item: -item[1]))
        print(f"{command} {ensemble}: {total} samples, {failed} failed{why}", file=sys.stderr)


def _reading(options: Namespace, **chunk):
    """The job that reads the files of `nqe read` and `nqe analyse`."""
    from nqe_core.foreign_glasses import Conventions
    from nqe_core.glass_reading import Origin, read_job
    from nqe_core.source_files import parse_diameters, source_files

    conventions = Conventions(
        diameters=parse_diameters(options.diameters) if options.diameters else None,
        length_unit=options.length_unit,
        any_density=options.any_density,
        file_format=options.format,
    )
    origin = Origin(
        model=_model(options.model, options.model_parameters),
        ensemble=options.ensemble,
        temperature=float("nan") if options.parent_temperature is None else options.parent_temperature,
        root_seed=options.root_seed,
    )
    files = source_files(*options.files)
    return read_job(files, origin, conventions, options.tolerance if options.quench else None, **chunk)


def read(options: Namespace) -> int:
    _check(options)
    chunk = {name: getattr(options, name) for name in ("first_sample", "n_samples", "n_particles")}
    return _run(_reading(options, **chunk), options)


def analyse(options: Namespace) -> int:
    from nqe_core.analysis import analyse_files, picture_of
    from nqe_core.atomic_files import check_folder
    from nqe_core.picture import check_matplotlib
    from nqe_core.tables import read_table, write_csv

    folder = Path(options.output)
    if options.ranks != 1:
        raise InputError(f"--ranks is {options.ranks}: analyse is one process; use the stages by hand, or a sheet")
    check_folder(folder)
    if not options.no_picture:
        check_matplotlib()
    how = _options(options)
    status, files = analyse_files(_reading(options), folder, options.n_modes, options.starts, how)
    if status:
        return status
    table = read_table(files["observables"])
    write_csv(folder / "observables.csv", table)
    if not options.no_picture:
        picture_of(files, folder / "modes.png")
    return 0


def export(options: Namespace) -> int:
    from nqe_core.export import export_files

    _check_output(options)
    chosen = None
    if options.samples is not None:
        try:
            chosen = [int(number) for number in options.samples.split(",")]
        except ValueError:
            raise InputError(f"--samples is {options.samples!r}, must be whole numbers with commas between") from None
    print(export_files([Path(file) for file in options.files], options.output, chosen, options.arrows), file=sys.stderr)
    return 0


def verify(options: Namespace) -> int:
    from nqe_core.reference import batches, check_files
    from nqe_core.verify import verify_campaign

    if found := batches(Path(options.results)):
        check_files(Path(options.results))
        samples = sum(part["samples"] for content in found.values() for part in content["ensembles"].values())
        files = sum(len(content["sha256"]) for content in found.values())
        print(
            f"{options.results}: {len(found)} batches of reference data, {files} files, {samples} samples, 0 problems"
        )
        return 0
    if not 0 <= options.least_burn_in < math.inf:
        raise InputError(f"--least-burn-in is {options.least_burn_in}, must be 0 or more and finite")
    sheet = Path(options.sheet) if options.sheet is not None else None
    report = verify_campaign(Path(options.results), sheet, options.least_burn_in, options.sampler)
    if sheet is None:
        report.notes.append("ensembles and last chunks that are missing altogether are found with --sheet only")
    for line in report.notes:
        print(f"note: {line}")
    for line in report.problems:
        print(f"problem: {line}")
    print(f"{options.results}: {report.files} files, {report.samples} samples, {len(report.problems)} problems")
    return 1 if report.problems else 0


def relaxation(options: Namespace) -> int:
    from nqe_core.atomic_files import check_output
    from nqe_core.ensembles import read_sheet
    from nqe_core.relaxation import Study, measure_relaxation
    from nqe_core.relaxation_report import compared, report, write_curves
    from nqe_core.relaxation_table import add_to_table, read_relaxation

    own = ("n_particles", "temperature", "sweeps", "burn_in", "walkers", "sampler", "swap_fraction",
           "start_temperature", "start_sweeps", "root_seed")  # fmt: skip
    study = Study(_model(options.model, options.model_parameters), **{name: getattr(options, name) for name in own})
    if options.sheet is not None:  # with what it counts in a time that is still to be measured
        read_sheet(options.sheet, None, study.sampler, measured=())
    # what is measured for hours must find its place afterwards
    for output in (options.table, options.curves):
        if output is not None:
            check_output(Path(output))
    if options.table is not None and Path(options.table).exists():
        read_relaxation(options.table)
    started = time.monotonic()

    def progress(done: int) -> None:
        each = (time.monotonic() - started) / done
        left = f"{each:.0f} s each, {each * (study.walkers - done):.0f} s left"
        print(f"relaxation {study.model.name} T={study.temperature:g}: {done}/{study.walkers} walkers, {left}",
              file=sys.stderr, flush=True)  # fmt: skip

    found = measure_relaxation(study, progress)
    line = found.line(study)
    print("\n".join(report(found)), flush=True)
    if options.table is not None:
        add_to_table(options.table, line)
    if options.curves is not None:
        write_curves(Path(options.curves), found)
    if options.sheet is not None:  # last: it may have been edited in the meantime
        for text in compared(line, read_sheet(options.sheet, None, study.sampler, measured=[line])):
            print(text)
    return 0


def cost(options: Namespace) -> int:
    from nqe_core.cost import TABLE, cost_of, cost_table, read_measurements
    from nqe_core.ensembles import check_model, read_sheet
    from nqe_core.models import MODELS

    if not 0 < options.cooling_start < math.inf:
        raise InputError(f"--cooling-start is {options.cooling_start}, must be a positive and finite temperature")
    rows = read_sheet(options.sheet, models=None, sampler=options.sampler)
    for row in rows:
        if row.model in MODELS:  # others are of config/models.yaml, which the library does not see
            try:
                check_model(row, MODELS)
            except InputError as error:
                where = f"ensemble {row.ensemble!r}: "
                raise InputError(f"{options.sheet}: {where}{str(error).removeprefix(where)}") from None
    measured = read_measurements(Path(options.table) if options.table is not None else TABLE)
    print(cost_table([cost_of(row, measured, options.cooling_start) for row in rows]))
    return 0


def warmup(options: Namespace) -> int:
    from nqe_core.warmup import compile_kernels

    compile_kernels(sys.stderr)
    return 0


def models(options: Namespace) -> int:
    from nqe_core.models import MODELS, OTHER_MODELS

    everything = {**MODELS, **OTHER_MODELS}.items()
    shown = {name: model.parameters() for name, model in everything}
    print(json.dumps(shown, indent=2))
    return 0
