# Checks of what a campaign has written; asked for by name: snakemake verify.
#
# needs   every chunk and table of the campaign
# makes   <results>/verify.txt


rule verify:
    """Every file is whole, belongs to the sheet, and its content has the checksum that it states."""
    input:
        every_chunk(),
    output:
        "<results>/verify.txt",
    log:
        "<logs>/verify.log",
    params:
        results=results_folder,
    shell:
        "nqe verify {params.results} > {output} 2> {log}"
