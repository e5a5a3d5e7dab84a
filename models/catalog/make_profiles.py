#!/usr/bin/env python3
"""Makes profiles.csv, expected_errors.csv and fitted_on.csv from measured runs, with `tokenmill calibrate`. Anyone who has the measurements can
rerun it; the same program and measurements give the same bytes:

    make_profiles.py TOKENMILL MEASURED.csv RECIPES_DIR [--json RESULT.json]

TOKENMILL is the built program, MEASURED.csv and RECIPES_DIR are as docs/measured-format.md says. The fit starts from the priors that the
present profiles.csv (beside this file) states, not from its values, so that rows count once: a value that no row informs falls back to its
prior. Service of requests (rq, r1), which calibrate does not fit, is kept with their source, and so are values of scopes that the
measurements do not have. --json keeps what calibrate says: errors in sample and with groups left out, for docs/accuracy.md.
Two minutes on two cores.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import tempfile

COLUMNS = ["name", "scope", "value", "unit", "lower", "upper", "prior", "prior_sd_log", "source"]
FOLDER = pathlib.Path(__file__).parent


def read(path):
    """The rows of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path, columns, rows):
    """A CSV file of these columns."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def key(row):
    """What tells values apart."""
    return row["name"], row["scope"]


def profile_rows(present, fitted):
    """The present rows with fitted values in their place, in their order; then new ones."""
    made = {key(row): row for row in fitted}
    known = {key(row) for row in present}
    kept = [dict(row, value=row["prior"] or row["value"]) if "calibrate" in row["source"] else row for row in present]
    return [made.get(key(row), row) for row in kept] + [row for row in fitted if key(row) not in known]


def main():
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenmill")
    parser.add_argument("measured")
    parser.add_argument("recipes")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    present = read(FOLDER / "profiles.csv")
    with tempfile.TemporaryDirectory() as folder:
        base, made = pathlib.Path(folder, "priors"), pathlib.Path(folder, "fitted.csv")
        write(base, COLUMNS, [dict(row, value=row["prior"] or row["value"]) for row in present])
        text = subprocess.run([options.tokenmill, "calibrate", options.measured, "--recipes", options.recipes, "--base", base,
                               "-o", made, "--json", "--quiet"], check=True, stdout=subprocess.PIPE, text=True).stdout
        fitted = read(made)
    result = json.loads(text)
    source = f"tokenmill calibrate: rows of {pathlib.Path(options.measured).name} left out of the fit"
    write(FOLDER / "profiles.csv", COLUMNS, profile_rows(present, fitted))
    write(FOLDER / "expected_errors.csv", ["metric", "class", "case", "rows", "q95_log", "covered_ratio", "source"],
          [dict(row, q95_log=f"{row['q95_log']:.4g}", covered_ratio=f"{row['covered_ratio']:.3g}", source=source)
           for row in result["expected_errors"]])
    write(FOLDER / "fitted_on.csv", ["kind", "name", "rows"], result["fitted_on"])
    if options.json:
        pathlib.Path(options.json).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
