#!/usr/bin/env python3
"""Simulates measured servers with the roofline, and compares.

    measure.py [--quick] [--check] [--rows] [--only TEXT] [--write docs/accuracy.md] [--jobs N]

Reads measured/serving.csv, measured/recipes and measured/requests.csv under $TOKENMILL_SHARED (by default ../shared beside
the repository), runs $TOKENMILL (by default `tokenmill`, from PATH) once a row, and prints tables. groups.py says which rows,
clients.py how their servers and clients are reconstructed, docs/accuracy.md what came out and why.

    --quick   a few rows of each group
    --check   exits 1 if a group's median error of TPOT is above 35 %, or a row is off by a factor of two and not excepted
    --rows    prints every row: measured, predicted, error
    --only    groups and runs whose name contains TEXT
    --write   puts the tables into the document, between its markers

Exit status: 0; 1 a check failed; 2 misuse; 3 tokenmill failed; 77 no measurements here.
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys

import figures
import program
import replayed
import report
import serving
from groups import EXCEPTIONS, GROUPS, RUNS

TPOT_LIMIT = 0.35
QUICK_ROWS = 6
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def measured_folder():
    """Where the measurements are."""
    return pathlib.Path(os.environ.get("TOKENMILL_SHARED") or REPOSITORY.parent / "shared") / "measured"


def compare_groups(folder, options, pool):
    """(group, comparisons) for all groups that were asked for."""
    rows = serving.read(folder / "serving.csv")
    recipes = {recipe["recipe_id"]: recipe for recipe in serving.read(folder / "recipes" / "recipes.csv")}
    count = QUICK_ROWS if options.quick else None
    results = []
    for group in GROUPS:
        if options.only in group.name:
            mine = serving.sample(serving.rows_of(group, rows), count)
            results.append((group, list(pool.map(lambda row, group=group: serving.compare(group, row, recipes), mine))))
    return results


def compare_runs(folder, options, pool):
    """The replayed runs that were asked for."""
    rows = serving.read(folder / "requests.csv")
    return list(pool.map(lambda run: replayed.compare(run, rows), [run for run in RUNS if options.only in run.name]))


def print_rows(results):
    """Every row: measured, predicted, error."""
    for group, comparisons in results:
        print(f"\n{group.name}")
        for item in comparisons:
            shown = (f"{metric} {item.measured[metric]:.4g} {item.predicted[metric]:.4g} {figures.percent(item.error(metric))}"
                     for metric in serving.METRICS if item.error(metric) is not None)
            tp, isl, osl, load = serving.order(item.row)
            print(f"  {item.row['row_id']} tp {tp} isl {isl:g} osl {osl:g} load {load:g}:", ", ".join(shown))


def complaints_of_group(group, comparisons):
    """What a group fails by: the median error of TPOT, and rows off by a factor of two (TPOT; throughput where there is none)."""
    median = report.size(report.errors(comparisons, "tpot"))
    found = [f"{group.name}: median error of TPOT {figures.share(median)}"] if median > TPOT_LIMIT else []
    for item in comparisons:
        metric = "tpot" if item.measured["tpot"] else "output_tok_s"
        if figures.is_factor_two(item.error(metric)) and item.row["row_id"] not in EXCEPTIONS:
            found.append(f"{group.name}: {item.row['row_id']} {metric} {figures.percent(item.error(metric))}")
    return found


def complaints_of_run(replay):
    """Percentiles of a dense run that are off by a factor of two."""
    if not replay.run.dense:
        return []
    found = []
    for metric in replayed.METRICS:
        for percent in replayed.PERCENTILES:
            measured, predicted = replay.at(metric, percent)
            relative = figures.error(predicted, measured)
            if figures.is_factor_two(relative):
                found.append(f"{replay.run.name}: {metric} p{percent} {figures.percent(relative)}")
    return found


def check(results, replays):
    """Prints what fails; returns the exit status."""
    found = [text for group, comparisons in results for text in complaints_of_group(group, comparisons)]
    found += [text for replay in replays for text in complaints_of_run(replay)]
    for text in found:
        print(f"measure.py: {text}", file=sys.stderr)
    return 1 if found else 0


def write(path, results, replays):
    """Puts the tables into the document."""
    text = path.read_text(encoding="utf-8")
    bodies = {"groups": report.groups_table(results), "rows": report.rows_tables(results), "runs": report.replays_table(replays)}
    for name, body in bodies.items():
        text = report.put(text, name, body)
    path.write_text(text, encoding="utf-8")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description="Simulates measured servers with the roofline, and compares.")
    parser.add_argument("--quick", action="store_true", help="a few rows of each group")
    parser.add_argument("--check", action="store_true", help="exit 1 if errors are too large")
    parser.add_argument("--rows", action="store_true", help="print every row")
    parser.add_argument("--only", default="", metavar="TEXT", help="groups and runs whose name contains TEXT")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="put the tables into this document")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="simulations at a time (default 2)")
    options = parser.parse_args()
    if options.write and (options.quick or options.only):
        parser.error("--write wants all rows")
    return options


def main():
    """Returns the exit status."""
    options, folder = parse(), measured_folder()
    if not (folder / "serving.csv").exists():
        print(f"measure.py: no measurements in {folder}", file=sys.stderr)
        return 77
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results, replays = compare_groups(folder, options, pool), compare_runs(folder, options, pool)
        if options.rows:
            print_rows(results)
        print(report.groups_table(results), report.replays_table(replays), sep="\n\n")
        if options.write:
            write(options.write, results, replays)
    except (program.ProgramError, OSError, ValueError) as cause:
        print(f"measure.py: {cause}", file=sys.stderr)
        return 3
    return check(results, replays) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
