#!/usr/bin/env python3
"""What `tokenmill validate` says of the shared measurements, as the tables of docs/accuracy.md.

    measure.py [--check] [--write docs/accuracy.md] [--plot docs/accuracy.svg] [--jobs N]

Runs $TOKENMILL (by default `tokenmill`, from PATH) on measured/serving.csv and measured/requests.csv under $TOKENMILL_SHARED (by
default ../shared beside the repository), and prints the tables, or puts them into the document between its markers.

    --check   exits 1 if the median TPOT error of a class of dense models is above 35 %, or a dense run is off by a factor of two

Exit status: 0; 1 a check failed; 2 misuse; 3 tokenmill failed; 77 no measurements here.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

DENSE_TPOT_LIMIT = 0.35
CELL_ROWS_MIN = 5
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TITLES = {"tpot": "TPOT", "ttft": "TTFT", "e2e": "E2E", "throughput": "tokens/s", "power": "power"}


def validate(path, options, *more):
    """The program's JSON. Raises CalledProcessError."""
    command = [os.environ.get("TOKENMILL", "tokenmill"), "validate", str(path), "--recipes", str(path.parent / "recipes"),
               "--json", "--quiet", *(["--jobs", str(options.jobs)] if options.jobs else []), *more]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def table(head, rows):
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def percent(ratio, sign=""):
    """A ratio as text."""
    return "-" if ratio is None else f"{100 * ratio:{sign}.1f} %"


def errors(item):
    """The four figures of a class or cell."""
    return [percent(item["median_abs_error"]), percent(item["mean_abs_error"]), percent(item["bias"], "+"),
            percent(item["p75_abs_error"])]


def classes_table(result):
    """One line a class that has a large cell."""
    rows = [[TITLES[item["metric"]], item["class"], item["cells"], item["configurations"], *errors(item)]
            for item in result["classes"] if item["cells"] > 0]
    return table(["metric", "class", "cells", "rows", "median", "mean", "bias", "75 %"], rows)


def cells_table(result):
    """One line a large cell."""
    rows = []
    for item in result["cells"]:
        if item["configurations"] >= CELL_ROWS_MIN:
            name = " ".join((item["model"], item["gpu"], item["precision"], item["engine"])) + ", " + item["source"]
            worst = ", ".join(f"{row['row_id']} {percent(row['error'], '+')}" for row in item["worst"][:2])
            rows.append([TITLES[item["metric"]], item["class"], name, item["configurations"], *errors(item), worst])
    return table(["metric", "class", "cell", "rows", "median", "mean", "bias", "75 %", "worst"], rows)


def left_out_table(result):
    """Rows that were skipped or flagged, by reason."""
    rows = [["skipped", reason, count] for reason, count in result["skipped"].items() if count]
    rows += [["flagged", reason, count] for reason, count in result["flagged"].items() if count]
    return table(["", "reason", "rows"], rows)


def runs_table(result):
    """Percentiles of the runs that were replayed: measured, predicted, error."""
    rows = []
    for run in result["runs"]:
        for metric in ("ttft_s", "tpot_s", "e2e_s"):
            cells = [f"{at['measured']:.3g} s, {at['predicted']:.3g} s, {percent(at['predicted'] / at['measured'] - 1, '+')}"
                     for at in run[metric].values()]
            rows.append([run["run"], TITLES[metric[:-2]], *cells])
    return table(["run", "metric", "p50", "p90", "p99"], rows)


def put(text, name, body):
    """The document with what is between the markers of `name` replaced. ValueError if it has no such markers."""
    begin, end = f"<!-- {name}: by tests/accuracy/measure.py -->", f"<!-- end of {name} -->"
    head, tail = text.index(begin) + len(begin), text.index(end)
    return f"{text[:head]}\n{body}\n{text[tail:]}"


def check(serving, requests):
    """Prints what fails; returns the exit status."""
    found = [f"{item['class']}: median error of TPOT {percent(item['median_abs_error'])}" for item in serving["classes"]
             if item["metric"] == "tpot" and item["class"].startswith("dense") and item["cells"] > 0
             and item["median_abs_error"] > DENSE_TPOT_LIMIT]
    for run in requests["runs"]:
        for metric in ("ttft_s", "e2e_s"):
            ratios = [at["predicted"] / at["measured"] for at in run[metric].values()]
            if "Llama" in run["run"] and not all(0.5 < ratio < 2 for ratio in ratios):
                found.append(f"{run['run']}: {metric} off by a factor of two")
    for text in found:
        print(f"measure.py: {text}", file=sys.stderr)
    return 1 if found else 0


def show(options, serving, requests):
    """Prints the tables, or writes them."""
    tables = {"classes": classes_table(serving), "left out": left_out_table(serving), "runs": runs_table(requests),
              "cells": cells_table(serving)}
    if not options.write:
        print("\n\n".join(tables.values()))
        return
    path = pathlib.Path(options.write)
    text = path.read_text(encoding="utf-8")
    for name, body in tables.items():
        text = put(text, name, body)
    path.write_text(text, encoding="utf-8")


def main():
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--jobs", type=int, default=0)
    options = parser.parse_args()
    folder = pathlib.Path(os.environ.get("TOKENMILL_SHARED") or REPOSITORY.parent / "shared") / "measured"
    if not (folder / "serving.csv").exists():
        print(f"measure.py: skipped: no {folder / 'serving.csv'}", file=sys.stderr)
        return 77
    try:
        serving = validate(folder / "serving.csv", options, *(["--svg", options.plot] if options.plot else []))
        requests = validate(folder / "requests.csv", options)
        show(options, serving, requests)
    except (subprocess.CalledProcessError, OSError, ValueError) as cause:
        print(f"measure.py: {cause}", file=sys.stderr)
        return 3
    return check(serving, requests) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
