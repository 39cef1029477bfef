# Tables and the scorecard: the paper's numbers beside those of this campaign.
#
# needs   <results>/{ensemble}/observables.parquet of every ensemble of the sheet
# makes   <results>/tables/{table1,table2,run_statistics}.{md,csv,html}, <results>/figures/predictions.{pdf,png},
#         <results>/scorecard.{md,csv,json,html}


rule table1:
    """Samples made of each ensemble, beside Table I."""
    input:
        observables=gathered(ENSEMBLES),
        sheet=SHEET,
        models=MODEL_FILE,
    output:
        md="<results>/tables/table1.md",
        csv="<results>/tables/table1.csv",
        html=report(
            "<results>/tables/table1.html",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "I"},
        ),
    log:
        "<logs>/tables/table1.log",
    params:
        campaign=CAMPAIGN,
        sampler=config["liquid"]["sampler"],
    script:
        "../scripts/tables/table1.py"


rule table2:
    """G of glasses from high parent temperature and rho, beside Table II."""
    input:
        observables=gathered(ENSEMBLES),
        models=MODEL_FILE,
    output:
        md="<results>/tables/table2.md",
        csv="<results>/tables/table2.csv",
        html=report(
            "<results>/tables/table2.html",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "II"},
        ),
    log:
        "<logs>/tables/table2.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/tables/table2.py"


rule run_statistics:
    """What every ensemble cost, what failed, and which code and seed made it."""
    input:
        observables=gathered(ENSEMBLES),
        sources=origins(),
        models=MODEL_FILE,
    output:
        md="<results>/tables/run_statistics.md",
        csv="<results>/tables/run_statistics.csv",
        html=report(
            "<results>/tables/run_statistics.html",
            caption="../report/run_statistics.rst",
            category="Tables",
            labels={"table": "Run statistics and provenance"},
        ),
    log:
        "<logs>/tables/run_statistics.log",
    params:
        campaign=CAMPAIGN,
    script:
        "../scripts/tables/run_statistics.py"


rule predictions:
    """D(omega) ~ omega^4, p(kappa^3/tau^2) ~ its power 1/4 (Eq. 36), p(x) ~ x^(2/3) (Eq. 38)."""
    input:
        observables=gathered(ENSEMBLES),
        models=MODEL_FILE,
    output:
        pdf="<results>/figures/predictions.pdf",
        png=report(
            "<results>/figures/predictions.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "Predictions"},
        ),
        caption="<results>/figures/predictions.rst",
    log:
        "<logs>/figures/predictions.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/figures/predictions.py"


rule scorecard:
    """Every number and law of the paper, ours with a bootstrap error, and a verdict by a stated rule."""
    input:
        observables=gathered(ENSEMBLES),
        models=MODEL_FILE,
    output:
        md="<results>/scorecard.md",
        csv="<results>/scorecard.csv",
        json="<results>/scorecard.json",
        html=report(
            "<results>/scorecard.html",
            caption="../report/scorecard.rst",
            category="Scorecard",
            labels={"table": "Scorecard"},
        ),
    log:
        "<logs>/scorecard.log",
    params:
        campaign=CAMPAIGN,
        short_burn_ins=SHORT_BURN_INS,
    script:
        "../scripts/scorecard.py"
