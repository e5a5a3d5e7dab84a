#!/usr/bin/env python3
"""Makes power.csv from measured runs and kernels, with `tokenmill validate`. Anyone who has the measurements can rerun it:

    make_power.py TOKENMILL MEASURED.csv RECIPES_DIR OPS_POWER.csv > power.csv

TOKENMILL is the built program, MEASURED.csv and RECIPES_DIR are as docs/measured-format.md says, OPS_POWER.csv has kernels run in a loop (gpu,
op, dtype, batch, dim1, dim2, dim3, latency_ms, power_w). A board draws idle + TDP (active u_a + compute u_c + memory u_m), at most TDP; the
program is asked for the three u of each row that it scores, by small shares, one at a time, so they are those of its own steps. A robust
fit on log power (soft-L1, scale 0.1, cells weighted by 1/sqrt(rows)) with priors gives the shares by architecture; intervals are of groups
(model, GPU) drawn with replacement. Errors in and out of sample (a group left out; a GPU left out) go to stderr.
"""

import csv
import json
import math
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
TERMS = ("active", "compute", "memory")
ARCHITECTURES = ("Hopper", "Blackwell", "CDNA")
PRIOR = (0.45, 0.80, 0.25)  # models/priors.h
PRIOR_SD = 0.2
SCALE = 0.1  # of the loss
PROBE = 0.01  # shares too small for the cap
DRAWS = 200
CELL, CELL_ROWS = ("model", "gpu", "precision", "source"), 5
# Mean power of these logs has pauses in it: an eighth to a half of what other sources have for the same model, GPU and load.
LEFT_OUT_SOURCES = ("nebius_heyram74",)
KERNEL_S = 1e-4  # shorter kernels' power is wrong; so is that of decode attention, 347 and 613 W for one and the same work of 0.26 ms


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def architecture_of(gpu):
    return next((name for name in ARCHITECTURES if gpu["arch"].startswith(name)), None)


def write_catalog(folder, shares):
    columns = ["name"] + [f"{term}_ratio" for term in TERMS] + ["status", "source", "as_of"]
    with open(pathlib.Path(folder, "power.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([name, *shares, "estimate", "probe", "2026"] for name in ARCHITECTURES)


def predictions(program, measured, recipes, shares):
    """Watts by row as predicted and as measured, rows that are not scored, classes of cells."""
    with tempfile.TemporaryDirectory() as folder:
        write_catalog(folder, shares)
        out = pathlib.Path(folder, "predictions.csv")
        done = subprocess.run([program, "validate", measured, "--recipes", recipes, "--catalog", folder, "--quiet", "--json",
                               "--csv", out], check=True, stdout=subprocess.PIPE)
        rows = {row["row_id"]: row for row in table(out) if row["metric"] == "power"}
    answer = json.loads(done.stdout)
    classes = {" ".join(cell[key] for key in CELL): cell["class"] for cell in answer["cells"] if cell["metric"] == "power"}
    return rows, {row["row_id"] for row in answer["left_out"]}, classes


def serving_rows(program, measured, recipes, gpus):
    with tempfile.TemporaryDirectory() as folder:  # only rows with power need to be simulated
        path = pathlib.Path(folder, "with_power.csv")
        rows = [row for row in table(measured) if row["power_w_per_gpu"]]
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        idle, left_out, classes = predictions(program, path, recipes, (0, 0, 0))
        probes = [predictions(program, path, recipes, [PROBE if i == k else 0 for i in range(3)])[0] for k in range(3)]
    by_id = {row["row_id"]: row for row in rows}
    for row_id, row in idle.items():
        source = by_id[row_id]
        gpu = gpus[source["gpu"]]
        if row_id in left_out or source["source"] in LEFT_OUT_SOURCES or architecture_of(gpu) is None:
            continue
        idle_w, tdp_w = float(row["predicted"]), float(gpu["tdp_w"])
        cell = " ".join(source[key] for key in CELL)
        yield {"architecture": architecture_of(gpu), "gpu": source["gpu"], "group": row["group"], "idle_w": idle_w, "tdp_w": tdp_w,
               "cell": cell, "class": classes[cell],
               "measured_w": float(row["measured"]),
               "use": [(float(probe[row_id]["predicted"]) - idle_w) / PROBE / tdp_w for probe in probes]}


def kernel_rows(path, gpus, idle_of):
    """Long products [batch, dim2] x [dim2, dim1] of 16-bit numbers."""
    for row in table(path):
        gpu, seconds = gpus[row["gpu"]], float(row["latency_ms"]) / 1e3
        if row["op"] != "gemm" or row["dtype"] != "bfloat16" or seconds < KERNEL_S or row["gpu"] not in idle_of:
            continue
        m, n, k = float(row["batch"]), float(row["dim1"]), float(row["dim2"])
        flop_per_s, byte_per_s = 2 * m * n * k / seconds, 2 * (n * k + m * k + m * n) / seconds
        yield {"architecture": architecture_of(gpu), "gpu": row["gpu"], "group": f"kernels {row['gpu']}", "cell": f"GEMM {row['gpu']}", "class": "kernels",
               "idle_w": idle_of[row["gpu"]], "tdp_w": float(gpu["tdp_w"]), "measured_w": float(row["power_w"]),
               "use": [1.0, flop_per_s / (float(gpu["bf16_dense_tflops"]) * 1e12), byte_per_s / (float(gpu["mem_bw_gb_per_s"]) * 1e9)]}


# ---- the fit: three shares of one architecture


def predicted_w(row, shares):
    return min(row["tdp_w"], row["idle_w"] + row["tdp_w"] * sum(s * u for s, u in zip(shares, row["use"])))


def error_of(row, shares):
    return math.log(predicted_w(row, shares) / row["measured_w"])


def weights_of(rows):
    counts = {}
    for row in rows:
        counts[row["cell"]] = counts.get(row["cell"], 0) + 1
    return [1 / math.sqrt(counts[row["cell"]]) for row in rows]


def residuals(rows, weights, shares):
    out = []
    for row, weight in zip(rows, weights):
        e = error_of(row, shares) / SCALE
        out.append(math.copysign(math.sqrt(weight * 2 * (math.sqrt(1 + e * e) - 1)), e))
    return out + [(share - prior) / PRIOR_SD for share, prior in zip(shares, PRIOR)]


def solve(matrix, right):
    """Three equations by elimination; the matrix is positive definite."""
    a = [row[:] + [r] for row, r in zip(matrix, right)]
    for i in range(3):
        for j in range(i + 1, 3):
            factor = a[j][i] / a[i][i]
            a[j] = [x - factor * y for x, y in zip(a[j], a[i])]
    x = [0.0] * 3
    for i in reversed(range(3)):
        x[i] = (a[i][3] - sum(a[i][j] * x[j] for j in range(i + 1, 3))) / a[i][i]
    return x


def fit(rows):
    """Levenberg-Marquardt from the prior; shares at least 0.01."""
    step, least = 1e-4, 0.01
    weights, shares, damping = weights_of(rows), list(PRIOR), 1e-2
    now = residuals(rows, weights, shares)
    for _ in range(60):
        columns = []
        for k in range(3):
            moved = [share + step * (i == k) for i, share in enumerate(shares)]
            columns.append([(b - a) / step for a, b in zip(now, residuals(rows, weights, moved))])
        gradient = [-sum(a * b for a, b in zip(column, now)) for column in columns]
        normal = [[sum(a * b for a, b in zip(p, q)) for q in columns] for p in columns]
        damped = [[value * (1 + damping * (i == j)) for j, value in enumerate(row)] for i, row in enumerate(normal)]
        tried = [max(least, share + d) for share, d in zip(shares, solve(damped, gradient))]
        then = residuals(rows, weights, tried)
        gain = sum(a * a for a in now) - sum(a * a for a in then)
        if gain > 0:
            moved = max(abs(a - b) for a, b in zip(tried, shares))
            shares, now, damping = tried, then, damping / 5
            if moved < 1e-6:
                break
        else:
            damping *= 10
            if damping > 1e6:
                break
    return shares


# ---- errors


def held_out(rows, key):
    """Log errors of each row, by shares that its group (or GPU) had no part in."""
    errors = {}
    for name in ARCHITECTURES:
        own = [row for row in rows if row["architecture"] == name]
        for left in {row[key] for row in own}:
            shares = fit([row for row in own if row[key] != left])
            errors.update({id(row): error_of(row, shares) for row in own if row[key] == left})
    return errors


def cells_of(rows, errors):
    cells = {}
    for row in rows:
        cells.setdefault(row["cell"], []).append(math.exp(errors[id(row)]) - 1)
    return {cell: (len(own), statistics.median(abs(e) for e in own), statistics.median(own)) for cell, own in cells.items()
            if len(own) >= CELL_ROWS}


def report(rows, fitted):
    errors = {"in sample": {id(row): error_of(row, fitted[row["architecture"]]) for row in rows},
              "group out": held_out(rows, "group"), "GPU out": held_out(rows, "gpu")}
    cells = {kind: cells_of(rows, own) for kind, own in errors.items()}
    print(f"{'cell':58} rows " + " ".join(f"{kind:>16}" for kind in cells), file=sys.stderr)
    for cell in sorted(cells["in sample"]):
        numbers = " ".join(f"{own[cell][1]:8.3f} {own[cell][2]:+7.3f}" for own in cells.values())
        print(f"{cell:58} {cells['in sample'][cell][0]:4} {numbers}", file=sys.stderr)
    class_of = {row["cell"]: row["class"] for row in rows}
    for name in sorted(set(class_of.values())):
        medians = {kind: [own[cell][1] for cell in own if class_of[cell] == name] for kind, own in cells.items()}
        print(f"median of {name}: " + ", ".join(f"{kind} {statistics.median(own):.3f}" for kind, own in medians.items()), file=sys.stderr)


def interval(rows, draw):
    groups = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    names = sorted(groups)
    drawn = [fit([row for _ in names for row in groups[names[draw.randrange(len(names))]]]) for _ in range(DRAWS)]
    ordered = [sorted(column) for column in zip(*drawn)]
    return [(column[DRAWS // 20], column[DRAWS - 1 - DRAWS // 20]) for column in ordered]


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    program, measured, recipes, kernels = sys.argv[1:]
    gpus = {row["name"]: row for row in table(HERE / "gpus.csv")}
    rows = list(serving_rows(program, measured, recipes, gpus))
    rows += kernel_rows(kernels, gpus, {row["gpu"]: row["idle_w"] for row in rows})
    fitted = {name: fit([row for row in rows if row["architecture"] == name]) for name in ARCHITECTURES}
    report(rows, fitted)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["name"] + [f"{term}_{part}" for term in TERMS for part in ("ratio", "lower", "upper")] +
                    ["status", "note", "source", "as_of"])
    for name in ARCHITECTURES:
        own = [row for row in rows if row["architecture"] == name]
        groups = {row["group"] for row in own}
        numbers = [value for share, (low, high) in zip(fitted[name], interval(own, random.Random(1)))
                   for value in (share, min(low, share), max(high, share))]
        note = f"{len(own)} rows of {len(groups)} groups; 90 % intervals of groups drawn with replacement"
        if len(groups) < 3:
            note += "; too few to tell: near the prior"
        writer.writerow([name] + [f"{value:.3f}" for value in numbers] +
                        ["measured", note, "make_power.py: power of ML.ENERGY and InferenceX runs; kernels of aiconfigurator", "2026-11"])


if __name__ == "__main__":
    main()
