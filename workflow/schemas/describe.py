"""Write config/README.md: what every key of config/ means, from the schemas (`make docs`; a test keeps it in step)."""

from __future__ import annotations

from pathlib import Path

import yaml

SCHEMAS = Path(__file__).parent
README = SCHEMAS.parents[1] / "config" / "README.md"

HEAD = """# Configuration

Made from `workflow/schemas/` by `make docs`; edit the schemas, not this file. Sources of the values are comments beside
them. A key or column that is not listed here stops the run with one line.

- `config.yaml`: protocol of a campaign. One value can be changed for one run: `snakemake --config campaign=tiny`.
  A key with a dot is nested: `--config 'quartic={method: macopt}'`.
  Put targets before `--config`, or after ` -- `: `snakemake results/tiny/figures/fig7.pdf --config campaign=tiny`.
- `models.yaml`: constants of the glass formers.
- `campaigns/{campaign}.tsv`: the ensembles of a campaign. Your own sheet is a file of your own there.
"""


def bounds(schema: dict) -> str:
    """Allowed values in a few words."""
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    words = []
    for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<")):
        if key in schema:
            words.append(f"{sign} {schema[key]:g}")
    if "pattern" in schema:
        words.append(f"matches `{schema['pattern']}`")
    return ", ".join([{"integer": "whole number", "string": "text"}.get(schema.get("type"), "number"), *words])


def rows(schema: dict, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """(key, allowed values, unit, description) of every value below a schema."""
    found = []
    for key, child in schema.get("properties", {}).items():
        if "properties" in child:
            found += rows(child, f"{prefix}{key}.")
        elif child.get("type") == "object":
            allowed = f"a block: {child.get('keys', 'model')} to {bounds(child['additionalProperties'])}"
            found.append((prefix + key, allowed, "", child["description"]))
        else:
            found.append((prefix + key, bounds(child), child.get("unit", ""), child["description"]))
    return found


def table(schema: dict) -> str:
    """Markdown table of a schema's values."""
    lines = ["| key | values | unit | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{key}` | {allowed} | {unit} | {meaning} |" for key, allowed, unit, meaning in rows(schema)]
    return "\n".join(lines)


def readme() -> str:
    """The whole page."""
    page = HEAD
    for name in ("config", "models", "campaign"):
        schema = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())
        described = schema if "properties" in schema else schema["additionalProperties"]
        page += f"\n## {schema['title']}\n\n{schema['description']}\n\n{table(described)}\n"
    return page


if __name__ == "__main__":
    README.write_text(readme())
    print(f"wrote {README}")
