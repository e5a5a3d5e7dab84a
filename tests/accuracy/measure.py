#!/usr/bin/env python3
"""What `tokenmill validate` says of the shared measurements, as the tables of docs/accuracy.md.

    measure.py [--check] [--calibration RESULT.json] [--write docs/accuracy.md] [--plot docs/accuracy.svg] [--jobs N]

Runs $TOKENMILL (by default `tokenmill`, from PATH) on measured/serving.csv and measured/requests.csv under $TOKENMILL_SHARED (by
default ../shared beside the repository), and prints the tables, or puts them into the document between its markers.

    --calibration   what `models/catalog/make_profiles.py --json` kept: the tables of rows left out of the fit
    --check         exits 1 if the median TPOT error of a class of dense models is above 35 %, a dense run is off by a factor of
                    two, or fewer than 90 % of the rows of a broad class lie within their expected error

Exit status: 0; 1 a check failed; 2 misuse; 3 tokenmill failed; 77 no measurements here.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys

DENSE_TPOT_LIMIT = 0.35
CELL_ROWS_MIN = 5
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PI95_LEAST = 0.9
PI95_ROWS_MIN = 40
KINDS = {"base": "priors", "in_sample": "in sample", "group_left_out": "model and GPU", "gpu_left_out": "GPU",
         "architecture_left_out": "architecture", "format_left_out": "format", "family_left_out": "family",
         "engine_left_out": "engine", "after_five_rows": "own five", "datasheet": "datasheet", "never_fitted": "never fitted"}
BIASED = {"group_left_out"}
TITLES = {"tpot": "TPOT", "ttft": "TTFT", "e2e": "E2E", "throughput": "tokens/s", "power": "power", "tpot_p99": "TPOT p99",
          "ttft_p99": "TTFT p99", "e2e_p99": "E2E p99", "itl_p99": "ITL p99"}


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


def covered(item):
    """The share of rows within their expected error."""
    return percent(item["pi95_covered_rows"] / item["pi95_rows"] if item["pi95_rows"] else None)


def classes_table(result):
    """One line a class that has a large cell."""
    rows = [[TITLES[item["metric"]], item["class"], item["cells"], item["configurations"], *errors(item), covered(item)]
            for item in result["classes"] if item["cells"] > 0]
    return table(["metric", "class", "cells", "rows", "median", "mean", "bias", "75 %", "in pi95"], rows)


def left_out_of_fit_table(result):
    """One line a metric and class: medians over cells by what was left out of the fit."""
    found = {}
    for kind in KINDS:
        for item in result["errors"][kind]["classes"]:
            if item["cells"] > 0:
                found.setdefault((item["metric"], item["class"]), {})[kind] = item
    rows = []
    for (metric, name), kinds in sorted(found.items(), key=lambda pair: (list(TITLES).index(pair[0][0]), pair[0][1])):
        cells = []
        for kind in KINDS:
            item = kinds.get(kind)
            text = "" if item is None else f"{100 * item['errors']['median_abs_error']:.1f}"
            cells.append(text + (f" ({100 * item['errors']['bias']:+.0f})" if item is not None and kind in BIASED else ""))
        rows.append([TITLES[metric], name, kinds.get("group_left_out", {"cells": ""})["cells"], *cells])
    return table(["metric", "class", "cells", *KINDS.values()], rows)


def expected_table(result):
    """The expected errors: a factor by case, with the share of rows covered by the other models' and GPUs' quantile."""
    cases = ["group", "gpu", "architecture", "format", "family", "engine", "unknown-recipe", "state-space", "prefix-cache", "own-rows",
             "datasheet"]
    found = {}
    for item in result["expected_errors"]:
        found.setdefault((item["metric"], item["class"]), {})[item["case"]] = item
    rows = []
    for (metric, name), items in found.items():
        texts = [f"{math.exp(items[case]['q95_log']):.2f} ({100 * items[case]['covered_ratio']:.0f})" if case in items else ""
                 for case in cases]
        rows.append([TITLES[metric], name, *texts])
    return table(["metric", "class", "model and GPU", *cases[1:]], rows)


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


def broad_classes(serving):
    """Rows within their expected error by metric, and by metric and kind of model."""
    found = {}
    for item in serving["classes"]:
        broad = next((kind for kind in ("dense", "mixture of experts", "MLA, hybrid", "not NVIDIA") if kind in item["class"]), None)
        for name in {"all", broad} - {None}:
            into = found.setdefault((item["metric"], name), {"metric": item["metric"], "class": name, "pi95_rows": 0, "pi95_covered_rows": 0})
            into["pi95_rows"] += item["pi95_rows"]
            into["pi95_covered_rows"] += item["pi95_covered_rows"]
    return list(found.values())


def check(serving, requests):
    """Prints what fails; returns the exit status."""
    found = [f"{item['class']}: median error of TPOT {percent(item['median_abs_error'])}" for item in serving["classes"]
             if item["metric"] == "tpot" and item["class"].startswith("dense") and item["cells"] > 0
             and item["median_abs_error"] > DENSE_TPOT_LIMIT]
    found += [f"{TITLES[item['metric']]}, {item['class']}: {covered(item)} of {item['pi95_rows']} rows within their expected error"
              for item in broad_classes(serving) if item["pi95_rows"] >= PI95_ROWS_MIN
              and item["pi95_covered_rows"] < PI95_LEAST * item["pi95_rows"]]
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
    if options.calibration:
        result = json.loads(pathlib.Path(options.calibration).read_text(encoding="utf-8"))
        tables |= {"hold-out": left_out_of_fit_table(result), "expected": expected_table(result)}
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
    parser.add_argument("--calibration", metavar="FILE")
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
