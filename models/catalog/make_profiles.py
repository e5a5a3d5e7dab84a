#!/usr/bin/env python3
"""Makes profiles.csv from measured runs, with `tokenmill calibrate`. Anyone who has the measurements can rerun it:

    make_profiles.py TOKENMILL MEASURED.csv RECIPES_DIR > profiles.csv

TOKENMILL is the built program, MEASURED.csv and RECIPES_DIR are as docs/measured-format.md says. The fit starts from the priors that the
present profiles.csv (beside this file) states, not from its values, so that rows count once: a value that no row informs falls back to its
prior. Service of requests (rq, r1), which calibrate does not fit, is kept with their source, and so are values of scopes that the
measurements do not have. What calibrate prints (intervals, errors in sample and out of it) goes to stderr.
"""

import csv
import pathlib
import subprocess
import sys
import tempfile

COLUMNS = ["name", "scope", "value", "unit", "lower", "upper", "prior", "prior_sd_log", "source"]


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(file, rows):
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: row[column] for column in COLUMNS} for row in rows)


def key(row):
    return row["name"], row["scope"]


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    program, measured, recipes = sys.argv[1:]
    present = read(pathlib.Path(__file__).parent / "profiles.csv")
    with tempfile.TemporaryDirectory() as folder:
        base, made = pathlib.Path(folder, "priors"), pathlib.Path(folder, "fitted.csv")
        with open(base, "w", newline="", encoding="utf-8") as file:
            write(file, [dict(row, value=row["prior"] or row["value"]) for row in present])
        subprocess.run([program, "calibrate", measured, "--recipes", recipes, "--base", base, "-o", made], check=True,
                       stdout=sys.stderr)
        fitted = {key(row): row for row in read(made)}
    known = {key(row) for row in present}
    rows = [fitted.get(key(row), row) for row in present] + [row for row in fitted.values() if key(row) not in known]
    write(sys.stdout, rows)


if __name__ == "__main__":
    main()
