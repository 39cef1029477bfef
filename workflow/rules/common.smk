# What the rules share: the checked configuration, the sheet, and the named functions behind input and params.
#
# needs   config/config.yaml, config/models.yaml, config/campaigns/{campaign}.tsv, workflow/schemas/*.yaml;
#         of the campaign `reference` nothing is computed: its tables and fields lie in reference/, and so does its sheet
# makes   nothing; it defines CAMPAIGN, RESULTS, SHEET, MODEL_FILE, ENSEMBLES, SOURCES, SHORT_BURN_INS

import difflib
import json
import math
import shlex
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from nqe_core.burn_ins import short_burn_ins
from nqe_core.ensembles import check_seed, read_sheet, relaxation_table
from nqe_core.errors import InputError
from nqe_core.models import Model
from nqe_core.roles import FieldRoles, of_model as ensembles_of_model
from nqe_core.source_files import source_files

# --- configuration --------------------------------------------------------------------------------------------------


def stop(line):
    """End the run with one line: these are the user's typos, a traceback would only hide them."""
    raise SystemExit(f"nqe: error: {line}")


def explain(error):
    """One line for a schema error, with the nearest valid key for an unknown one."""
    where = ".".join(str(key) for key in error.absolute_path)
    if error.validator == "additionalProperties" and "properties" in error.schema:
        unknown = sorted(set(error.instance) - set(error.schema["properties"]))[0]
        near = difflib.get_close_matches(unknown, error.schema["properties"], n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return f"unknown key {'.'.join(filter(None, [where, unknown]))!r}{hint}"
    hint = ""
    if error.validator == "type" and isinstance(error.instance, str) and "e" in error.instance:
        hint = " (YAML reads 1e-8 as text: write 1.0e-8)"
    return f"{where or 'the file'}: {error.message}{hint}"


def check(record, schema, source):
    """Stop unless `record` follows workflow/schemas/{schema}."""
    # beside this file, also where another Snakefile has this workflow as a module
    rules = yaml.safe_load(Path(workflow.source_path(f"../schemas/{schema}")).read_text())
    error = best_match(Draft202012Validator(rules).iter_errors(record))
    if error is not None:
        stop(f"{source}: {explain(error)}")
    if (name := not_finite(record)) is not None:
        stop(f"{source}: {name} is not a finite number")


def not_finite(record, name=""):
    """Name of the first number that is not finite, which no schema refuses; None where there is none."""
    if isinstance(record, dict):
        found = (not_finite(value, f"{name}.{key}" if name else str(key)) for key, value in record.items())
        return next((place for place in found if place is not None), None)
    return name if isinstance(record, float) and not math.isfinite(record) else None


class UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that appears twice is an error, not the last value."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.YAMLError(
                    f"key {key.value!r} appears twice, the second time in line {key.start_mark.line + 1}"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path):
    """What a YAML file holds."""
    try:
        return yaml.load(Path(path).read_text(), UniqueKeys)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        stop(f"{path}: {' '.join(str(error).split())}")


def load_models(path):
    """The models of config/models.yaml, each checked by the library too."""
    parameters = read_yaml(path)
    check(parameters, "models.schema.yaml", path)
    return {name: Model.from_parameters(name, constants) for name, constants in parameters.items()}


def load_sheet(path, models):
    """Rows of the campaign's sheet by ensemble name, in the order of the sheet."""
    if not Path(path).is_file():
        if config["campaign"] == REFERENCE:
            stop(f"{path}: there is no reference data; `make reference CAMPAIGN=...` packs a campaign's")
        known = ", ".join(sorted(file.stem for file in Path("config/campaigns").glob("*.tsv")))
        stop(f"config: there is no campaign {config['campaign']!r} (config/campaigns/ has: {known})")
    rows = read_sheet(path, models, config["liquid"]["sampler"])
    for row in rows:
        if row.model not in config["cubic"]["starts"]:
            stop(f"config/config.yaml: cubic.starts has no entry for model {row.model!r}")
    return {row.ensemble: row for row in rows}


def load_sources(ensembles):
    """Files of the rows that read their samples; how many frames they hold is seen when they are read."""
    sources = {name: source_files(row.source) for name, row in ensembles.items() if row.source}
    for name, files in sources.items():
        row = ensembles[name]
        if 1 < len(files) < row.n_samples:
            stop(f"{SHEET}: ensemble {name!r}: {row.source} names {len(files)} files for {row.n_samples} samples")
    return sources


for file in workflow.configfiles:
    read_yaml(file)  # Snakemake has read it, but would not mind a key that appears twice
check(config, "config.schema.yaml", "config/config.yaml or --config")
try:
    check_seed(config["root_seed"])  # 1.0 is an integer to a schema, but not to `nqe --root-seed`
except InputError as error:
    stop(f"config/config.yaml or --config: {error}")

REFERENCE = "reference"
CAMPAIGN = config["campaign"]
RESULTS = f"results/{CAMPAIGN}"
SHEET = f"{REFERENCE}/campaign.tsv" if CAMPAIGN == REFERENCE else f"config/campaigns/{CAMPAIGN}.tsv"
MODEL_FILE = "config/models.yaml"
MAX_FAILED = str(config["max_failed_fraction"])  # a resource, no parameter: what is made does not depend on it
RELAXATION = Path("config/relaxation.tsv") if CAMPAIGN == REFERENCE else relaxation_table(SHEET)

try:
    MODELS = load_models(MODEL_FILE)
    ENSEMBLES = load_sheet(SHEET, MODELS)
    SOURCES = {} if CAMPAIGN == REFERENCE else load_sources(ENSEMBLES)
    # whose liquids are not in equilibrium: captions and the scorecard name them
    SHORT_BURN_INS = short_burn_ins(ENSEMBLES.values(), RELAXATION, config["liquid"]["sampler"], MODELS)
except InputError as error:
    stop(error)

# --- chunks ---------------------------------------------------------------------------------------------------------

STAGES = ("liquid", "inherent_state", "harmonic", "quartic", "cubic")


def one_of(ensembles):
    """Wildcard constraint: any of these names, and nothing when there is none."""
    return "|".join(ensembles) or "(?!)"


# ensembles whose samples are made from liquids, and those that are read from other programs' files
MADE = [name for name in ENSEMBLES if name not in SOURCES]
READ = list(SOURCES)


def stage_files(stage, ensembles, first=None):
    """Chunk files of one stage, of all or the `first` few chunks of each ensemble; of the reference what it keeps."""
    if CAMPAIGN == REFERENCE:
        return [
            str(path) for name in ensembles for path in sorted(Path(REFERENCE).glob(f"[!.]*/fields/{name}_{stage}.h5"))
        ]
    return [f"{RESULTS}/{name}/{stage}/{chunk}.h5" for name in ensembles for chunk in ENSEMBLES[name].chunks[:first]]


def every_chunk():
    """Every chunk file of the campaign.

    They are all targets of their own: Snakemake remakes a deleted file that lies in between only if it was asked for.
    """
    if CAMPAIGN == REFERENCE:
        return []
    files = [file for stage in STAGES for file in stage_files(stage, MADE if stage == "liquid" else ENSEMBLES)]
    return files + searched_files("second_quartic") + [file for name in ENSEMBLES for file in observable_chunks(name)]


def observable_chunks(ensemble):
    """Tables of one ensemble's chunks, or of its batches in the reference."""
    if CAMPAIGN == REFERENCE:
        return [str(path) for path in sorted(Path(REFERENCE).glob(f"[!.]*/{ensemble}.parquet"))]
    return [f"{RESULTS}/{ensemble}/observables/{chunk}.parquet" for chunk in ENSEMBLES[ensemble].chunks]


def origins():
    """Where the samples' provenance is written: in the chunk tables, or beside the batches of the reference."""
    if CAMPAIGN == REFERENCE:
        return [str(path) for path in sorted(Path(REFERENCE).glob("[!.]*/provenance.json"))]
    return [file for name in ENSEMBLES for file in observable_chunks(name)]


# --- roles of the ensembles in the figures --------------------------------------------------------------------------


def of_model(*models):
    """Ensembles of these models, by model and then from small to large N."""
    return ensembles_of_model(ENSEMBLES.values(), *models)


# the ensembles whose fields are drawn; without the model there is none, and `all` leaves the figure out
ROLES = FieldRoles.of(ENSEMBLES.values())


def largest(model):
    """Of one model, the ensembles of the largest N of each parent temperature, in equilibrium where there are any."""
    rows = [ENSEMBLES[name] for name in of_model(model)]
    settled = {row.parent_temperature for row in rows if row.ensemble not in SHORT_BURN_INS}
    rows = [row for row in rows if row.parent_temperature not in settled or row.ensemble not in SHORT_BURN_INS]
    most = {row.parent_temperature: row.n_particles for row in rows}  # they come from small to large N
    return [row.ensemble for row in rows if row.n_particles == most[row.parent_temperature]]


def searched_files(stage):
    """The chunks that Fig. 1(a, b) searches for its pair; only these need a second quartic mode."""
    return stage_files(stage, ROLES.pair, first=config["figures"]["pair_chunks"])


def gathered(ensembles):
    """The tables of these ensembles."""
    return [f"{RESULTS}/{name}/observables.parquet" for name in ensembles]


# models that a product cannot do without: with a sheet that lacks them `all` does not ask for it
NEEDED_MODELS = {
    "figures/fig1": ("ipl2d", "ipl3d"),
    "figures/fig2": ("poly3d",),
    "figures/fig3": ("ipl2d", "ipl3d"),
    "figures/fig4": ("ipl2d", "ipl3d"),
    "figures/fig5": ("ipl2d", "ipl3d"),
    "figures/fig6": ("ipl2d", "ipl3d"),
    "figures/fig7": ("ipl3d",),
    "figures/fig8": ("poly3d",),
    "figures/fig9": ("ipl2d", "ipl3d", "ipl4d"),
    "figures/predictions": (),
    "tables/table1": (),
    "tables/table2": (),
    "tables/run_statistics": (),
    "scorecard": (),
}
EXTENSIONS = {
    "figures": ("pdf", "png", "rst"),
    "tables": ("md", "csv", "html"),
    "scorecard": ("md", "csv", "json", "html"),
}
VIEWS = ("figures/fig1", "figures/fig3", "figures/fig6")  # have an interactive view (.html) besides


def every_product():
    """Figures, tables and scorecard that the sheet has the models for, and the gathered tables."""
    products = gathered(ENSEMBLES)
    for product, models in NEEDED_MODELS.items():
        if all(of_model(model) for model in models):
            extensions = EXTENSIONS[Path(product).parts[0]] + (("html",) if product in VIEWS else ())
            products += [f"{RESULTS}/{product}.{extension}" for extension in extensions]
    return products


# --- functions behind input and params ------------------------------------------------------------------------------


def results_folder(wildcards):
    """What `verify` looks through: results, or the reference data themselves."""
    return REFERENCE if CAMPAIGN == REFERENCE else RESULTS


def chunks_of_ensemble(wildcards):
    return observable_chunks(wildcards.ensemble)


def gather_command(wildcards):
    """Chunks make a whole ensemble; batches of the reference are samples of several root seeds, not all of a sheet."""
    return "merge" if CAMPAIGN == REFERENCE else "gather"


def liquid_if_made(wildcards):
    """The chunk's liquid; none where glasses are read."""
    return f"{RESULTS}/{wildcards.ensemble}/liquid/{wildcards.chunk}.h5" if wildcards.ensemble in MADE else []


def chunk_sources(wildcards):
    """Files that hold the chunk's samples: all frames are in one file, or each sample has its own."""
    files = SOURCES[wildcards.ensemble]
    chosen = files if len(files) == 1 else [files[sample] for sample in samples(wildcards)]
    return [str(file) for file in chosen]


def source_options(wildcards):
    """What the sheet says about files that are read."""
    row = ENSEMBLES[wildcards.ensemble]
    options = f"--length-unit {row.length_unit}" if row.length_unit != 1 else ""
    options += f" --diameters {shlex.quote(row.diameters)}" if row.diameters else ""
    return options + (f" --quench --tolerance {config['quench']['tolerance']}" if row.preparation == "quench" else "")


def source_pattern(wildcards):
    return ENSEMBLES[wildcards.ensemble].source


def sheet_row(wildcards):
    """What the sampler takes from the sheet."""
    row = ENSEMBLES[wildcards.ensemble]
    keys = "model n_particles parent_temperature samples_per_walker burn_in spacing swap_fraction".split()
    return {key: getattr(row, key) for key in keys}


def model_parameters(wildcards):
    return json.dumps(MODELS[ENSEMBLES[wildcards.ensemble].model].parameters())


def samples(wildcards):
    """Samples of the chunk: those of the sheet's numbering that fall into it."""
    try:
        return ENSEMBLES[wildcards.ensemble].samples_of(wildcards.chunk)
    except InputError as error:
        stop(f"{SHEET}: {error}")


def first_sample(wildcards):
    return samples(wildcards).start


def samples_in_chunk(wildcards):
    return len(samples(wildcards))


def preparation_options(wildcards):
    row = ENSEMBLES[wildcards.ensemble]
    if row.preparation == "quench":
        return "--preparation quench"
    start = config["quench"]["cooling_start"]
    return f"--preparation cool --cooling-rate {row.cooling_rate} --cooling-start {start}"


def n_modes(wildcards):
    return ENSEMBLES[wildcards.ensemble].n_modes


def cubic_starts(wildcards):
    return config["cubic"]["starts"][ENSEMBLES[wildcards.ensemble].model]


def launcher(wildcards, resources):
    """Nothing for one rank, else the machine's MPI launcher.

    It depends on resources only, so it is no reason to make a file again on another machine.
    """
    return f"{resources.get('mpi', 'mpiexec')} -n {resources.tasks}" if resources.tasks > 1 else ""
