# Glasses: equilibrium liquids and their inherent states, or glasses of other programs.
#
# needs   config/campaigns/{campaign}.tsv, config/models.yaml, and the sources that the sheet names
# makes   <results>/{ensemble}/liquid/{chunk}.h5
#         <results>/{ensemble}/inherent_state/{chunk}.h5


rule liquid:
    """Swap Monte Carlo at the parent temperature: states with probability ~ exp(-U/T_p)."""
    output:
        "<results>/{ensemble}/liquid/{chunk}.h5",
    log:
        "<logs>/liquid/{ensemble}/{chunk}.log",
    resources:
        tasks=1,
        runtime=MINUTES["liquid"],
        mem_mb_per_cpu=MEGABYTES["liquid"],
        max_failed=MAX_FAILED,
    params:
        row=sheet_row,
        model_parameters=model_parameters,
        first_sample=first_sample,
        n_samples=samples_in_chunk,
        sampler=config["liquid"]["sampler"],
        root_seed=config["root_seed"],
        launcher=launcher,
    shell:
        "{params.launcher} nqe equilibrate --ranks {resources.tasks}"
        " --model {params.row[model]} --model-parameters {params.model_parameters:q}"
        " --ensemble {wildcards.ensemble} --n-particles {params.row[n_particles]}"
        " --temperature {params.row[parent_temperature]}"
        " --first-sample {params.first_sample} --n-samples {params.n_samples}"
        " --samples-per-walker {params.row[samples_per_walker]}"
        " --burn-in {params.row[burn_in]} --spacing {params.row[spacing]}"
        " --swap-fraction {params.row[swap_fraction]}"
        " --sampler {params.sampler} --root-seed {params.root_seed}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"


rule inherent_state:
    """FIRE to the local minimum of U: the forces -dU/dx vanish at x_0 (Eqs. 1, 2)."""
    input:
        "<results>/{ensemble}/liquid/{chunk}.h5",
    output:
        "<results>/{ensemble}/inherent_state/{chunk}.h5",
    log:
        "<logs>/inherent_state/{ensemble}/{chunk}.log",
    wildcard_constraints:
        ensemble=one_of(MADE),
    resources:
        tasks=1,
        runtime=MINUTES["inherent_state"],
        mem_mb_per_cpu=MEGABYTES["inherent_state"],
        max_failed=MAX_FAILED,
    params:
        preparation=preparation_options,
        tolerance=config["quench"]["tolerance"],
        launcher=launcher,
    shell:
        "{params.launcher} nqe quench {input} --ranks {resources.tasks}"
        " {params.preparation} --tolerance {params.tolerance}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"


rule glass_of_other_program:
    """Configurations that the sheet names as a source, quenched where it says so."""
    input:
        chunk_sources,
    output:
        "<results>/{ensemble}/inherent_state/{chunk}.h5",
    log:
        "<logs>/inherent_state/{ensemble}/{chunk}.log",
    wildcard_constraints:
        ensemble=one_of(READ),
    resources:
        tasks=1,
        runtime=MINUTES["inherent_state"],
        mem_mb_per_cpu=MEGABYTES["inherent_state"],
        max_failed=MAX_FAILED,
    params:
        source=source_pattern,
        row=sheet_row,
        model_parameters=model_parameters,
        first_sample=first_sample,
        n_samples=samples_in_chunk,
        options=source_options,
        root_seed=config["root_seed"],
        launcher=launcher,
    shell:
        "{params.launcher} nqe read {params.source:q} --ranks {resources.tasks}"
        " --model {params.row[model]} --model-parameters {params.model_parameters:q}"
        " --ensemble {wildcards.ensemble} --n-particles {params.row[n_particles]}"
        " --parent-temperature {params.row[parent_temperature]} --root-seed {params.root_seed}"
        " --first-sample {params.first_sample} --n-samples {params.n_samples} {params.options}"
        " --max-failed-fraction {resources.max_failed} --output {output} 2> {log}"
