# Checks of what a campaign has written; asked for by name: snakemake verify.
#
# needs   every chunk and table of the campaign
# makes   <results>/verify.txt


rule verify:
    """Every file is whole, belongs to the sheet, and its content has the checksum that it states."""
    input:
        every_chunk()
        if CAMPAIGN != REFERENCE
        else origins() + [file for name in ENSEMBLES for file in observable_chunks(name)],
    output:
        "<results>/verify.txt",
    log:
        "<logs>/verify.log",
    retries: 0  # what is wrong stays so, and everything would be read again
    params:
        results=results_folder,
        sheet=SHEET,
        least_burn_in=config["liquid"]["least_burn_in"],
        sampler=config["liquid"]["sampler"],
    shell:
        "nqe verify {params.results} --sheet {params.sheet} --least-burn-in {params.least_burn_in}"
        " --sampler {params.sampler}"
        " > {log} 2>&1 && cp {log} {output}"
