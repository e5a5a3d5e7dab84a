#!/usr/bin/env python3
"""Kernels as models/kernels.c has them against measured ones: errors by kind, GPU, number format and size.

    kernels.py PROGRAM [--check] [--fit] [--write docs/kernels.md] [--plot docs/kernels.svg] [--knots models/catalog/collectives.csv]

PROGRAM is the built tests/accuracy/kernel_times, which evaluates the project's own formulas. Reads ops_gemm.csv, ops_attention.csv,
ops_moe.csv and collectives.csv in measured/ under $TOKENMILL_SHARED (by default ../shared beside the repository), says which tables it
rejects and why, and prints the tables, or puts them into the document between its markers.

    --check   exits 1 if a kind's median error on a GPU is above 25 %
    --fit     prints the constants of models/kernels_table.h as the tables would have them, and the errors that they would leave
    --knots   writes the catalogue of all-reduces, and nothing else
    --write   also fits with each GPU, and each architecture, left out: what an unseen one may expect (minutes)

Exit status: 0; 1 a check failed; 2 misuse; 77 no measurements here.
"""

import argparse
import collections
import csv
import math
import os
import pathlib
import statistics
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 0.25
DECADES = [(0, 1e-5, "< 10 us"), (1e-5, 1e-4, "10-100 us"), (1e-4, 1e-3, "0.1-1 ms"), (1e-3, 1e-2, "1-10 ms"), (1e-2, 9e9, "> 10 ms")]
TOKENS = [(1, 1), (2, 8), (9, 32), (33, 128), (129, 512), (513, 2048), (2049, 10 ** 9)]
CONTEXTS = [(0, 1024), (1025, 4096), (4097, 16384), (16385, 10 ** 9)]
KINDS = {"gemm": "matrix products", "decode": "decode attention", "prefill": "prefill attention", "moe": "routed experts",
         "all_reduce": "all-reduce"}
# Bytes a second and 16-bit FLOP a second, only to reject tables; the formulas read the project's own catalogue.
PEAKS = {"A100-SXM": (2.039e12, 312e12), "H100-SXM": (3.35e12, 989e12), "H200-SXM": (4.8e12, 989e12), "B200-SXM": (8e12, 2250e12),
         "L40S": (0.864e12, 362e12), "GB200": (8e12, 2500e12)}
BYTES = {"bfloat16": 2, "fp8": 1, "fp8_block": 1, "nvfp4": 0.5625}

Row = collections.namedtuple("Row", "kind gpu format shape measured fitted size")


def read(path):
    """The rows of a CSV as dicts."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ---- tables, and what is wrong with them ----

def host_bound(series):
    """Rows of one table of products that move by less than a tenth over a factor of 64 in m while five times above the roofline."""
    found = set()
    series = sorted(series, key=lambda row: int(row["m"]))
    for i, first in enumerate(series):
        flat = [row for row in series[i:] if int(row["m"]) <= 64 * int(first["m"])]
        times = [float(row["latency_ms"]) for row in flat]
        if int(flat[-1]["m"]) == 64 * int(first["m"]) and max(times) < 1.1 * min(times):
            found.update(id(row) for row in flat if float(row["latency_ms"]) > 5e3 * roofline(row))
    return found


def roofline(row):
    """Seconds of a product at the datasheet's rates."""
    rate, peak = PEAKS[row["gpu"]]
    m, n, k = int(row["m"]), int(row["n"]), int(row["k"])
    size = BYTES[row["dtype"]]
    return max((n * k * size + m * (k * size + 2 * n)) / rate, 2 * m * n * k / (peak * 2 / size))


def gemm_rows(folder, said):
    """Products. n and k below 512 are no projection of any layer; they are compared, not fitted."""
    tables = collections.defaultdict(list)
    for row in read(folder / "ops_gemm.csv"):
        tables[row["gpu"], row["dtype"], row["n"], row["k"]].append(row)
    rejected, totals, rows = collections.Counter(), collections.Counter(), []
    for (gpu, dtype, n, k), series in tables.items():
        flat = host_bound(series)
        rejected[gpu, dtype] += len(flat)
        totals[gpu, dtype] += len(series)
        for row in series:
            seconds = 1e-3 * float(row["latency_ms"])
            if id(row) not in flat and not (dtype == "fp8_block" and seconds < 5e-4):
                is_fitted = dtype != "fp8_block" and int(n) >= 512 and int(k) >= 512
                rows.append(Row("gemm", gpu, dtype, (row["m"], n, k), seconds, is_fitted, int(row["m"])))
    for (gpu, dtype), count in sorted(rejected.items()):
        if count:
            said.append(["matrix products", gpu, dtype, count, totals[gpu, dtype],
                         "within 10 % over 64 times the rows while above five times the roofline: bound by the host"])
    for gpu, dtype in sorted(totals):
        if dtype == "fp8_block":
            said.append(["matrix products", gpu, dtype, totals[gpu, dtype] - sum(r.gpu == gpu and r.format == dtype for r in rows),
                         totals[gpu, dtype], "with the others of this table under 0.5 ms, likewise; the rest is compared with the constants of "
                         "`fp8`, not fitted"])
    return rows


def attention_rows(folder):
    """Attention with heads of 128."""
    rows = []
    for row in read(folder / "ops_attention.csv"):
        shape = (row["batch"], row["kv_tokens_per_seq"], row["num_heads"], row["num_kv_heads"])
        size = int(row["kv_tokens_per_seq"])
        rows.append(Row(row["phase"], row["gpu"], row["kv_cache_dtype"], shape, 1e-3 * float(row["latency_ms"]), True, size))
    return rows


def moe_rows(folder, said):
    """Experts that are picked unevenly; a table of fp8 that takes longer than bf16's is no fp8."""
    keys = ("num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size")
    table = [row for row in read(folder / "ops_moe.csv") if row["distribution"] != "balanced"]
    sixteen = {(row["gpu"], *(row[key] for key in keys)): float(row["latency_ms"]) for row in table if row["moe_dtype"] == "bfloat16"}
    ratios = collections.defaultdict(list)
    for row in table:
        other = sixteen.get((row["gpu"], *(row[key] for key in keys)))
        if other and row["moe_dtype"] == "fp8":
            ratios[row["gpu"]].append(float(row["latency_ms"]) / other)
    slow = {gpu for gpu, values in ratios.items() if statistics.median(values) > 1.5}
    for gpu in sorted(slow):
        count = sum(row["gpu"] == gpu and row["moe_dtype"] == "fp8" for row in table)
        said.append(["routed experts", gpu, "fp8", count, count,
                     f"{statistics.median(ratios[gpu]):.1f} times as long as bfloat16: not what servers run"])
    return [Row("moe", row["gpu"], row["moe_dtype"], tuple(row[key] for key in keys), 1e-3 * float(row["latency_ms"]),
                True, int(row["num_tokens"]))
            for row in table if not (row["moe_dtype"] == "fp8" and row["gpu"] in slow)]


def all_reduce_rows(folder):
    """All-reduces of 16-bit numbers in a node by the engines' own libraries."""
    return [Row("all_reduce", row["gpu"], row["library"], (row["ranks"], row["size_bytes"]), 1e-6 * float(row["latency_us"]), False,
                int(row["size_bytes"]))
            for row in read(folder / "collectives.csv")
            if row["op"] == "all_reduce" and row["source"] == "aiconfigurator" and row["nodes"] == "1" and
            row["library"] in ("vllm", "sglang", "trtllm") and int(row["size_bytes"]) >= 1024]


KNOTS = [2 ** 10, 2 ** 14, 2 ** 16, 2 ** 17, 2 ** 18, 2 ** 19, 2 ** 20, 2 ** 21, 2 ** 23, 2 ** 25, 2 ** 28]
KNOT_NAMES = ["us_1k", "us_16k", "us_64k", "us_128k", "us_256k", "us_512k", "us_1m", "us_2m", "us_8m", "us_32m", "us_256m"]
CATALOGUE = {"A100-SXM": "A100-80GB-SXM", "GB200": "GB200-NVL72", "GB300": "GB300-NVL72", "RTX-PRO-6000": "RTX-PRO-6000-Blackwell-Server"}


def between(knots, size):
    """Microseconds at a size by models/kernels.c's rule, straight in logarithms."""
    if size >= KNOTS[-1]:
        return knots[-1] * size / KNOTS[-1]
    i = next(i for i in range(1, len(KNOTS)) if size <= KNOTS[i])
    part = math.log(size / KNOTS[i - 1]) / math.log(KNOTS[i] / KNOTS[i - 1])
    return knots[i - 1] * (knots[i] / knots[i - 1]) ** part


def write_knots(folder, path):
    """models/catalog/collectives.csv: each library's measured times at eleven sizes, NCCL's from 2 MiB on where they are shorter."""
    measured = collections.defaultdict(dict)
    for row in read(folder / "collectives.csv"):
        if row["op"] == "all_reduce" and row["source"] == "aiconfigurator" and row["nodes"] == "1" and row["dtype"] in ("half", "bfloat16"):
            sizes = measured[row["gpu"], row["library"], int(row["ranks"])]
            sizes[int(row["size_bytes"])] = min(float(row["latency_us"]), sizes.get(int(row["size_bytes"]), math.inf))
    lines = []
    for (gpu, library, ranks), sizes in sorted(measured.items()):
        nccl = measured.get((gpu, "nccl", ranks), {})
        if library in ("vllm", "sglang", "trtllm"):
            best = {size: min(us, nccl.get(size, math.inf)) if size >= 2 ** 21 else us for size, us in sizes.items() if size >= 1024}
            if all(size in best for size in KNOTS):
                knots = [best[size] for size in KNOTS]
                error = statistics.median(abs(between(knots, size) / us - 1) for size, us in best.items())
                lines.append([CATALOGUE.get(gpu, gpu), library, ranks, *(f"{us:.2f}" for us in knots), f"{error:.3f}",
                              "all-reduce timings of aiconfigurator (Apache-2.0) at these sizes, NCCL where faster"])
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([["gpu", "engine", "ranks", *KNOT_NAMES, "median_error", "source"], *sorted(lines)])


# ---- the program ----

def evaluate(program, rows, *arguments, without=lambda row: False):
    """Predicted seconds and architecture of each row, and the constants that a fit prints."""
    text = "".join(f"{row.kind} {row.gpu} {row.format} {int(row.fitted and not without(row))} {row.measured!r} {' '.join(row.shape)}\n"
                   for row in rows)
    out = subprocess.run([program, *arguments], input=text, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    constants = [line[2:] for line in out if line.startswith("= ")]
    values = [line.split() for line in out if not line.startswith("= ")]
    return [float(value) for _, value in values], [arch for arch, _ in values], constants


# ---- errors ----

def figures(pairs):
    """Median size of the error and median error of (measured, predicted)."""
    errors = [predicted / measured - 1 for measured, predicted in pairs]
    if not errors:
        return "-"
    return f"{100 * statistics.median(map(abs, errors)):.0f} ({100 * statistics.median(errors):+.0f})"


def table(head, rows):
    """A Markdown table."""
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in [head, ["---"] * len(head), *rows])


def grouped(rows, predicted, key):
    """{key: [(row, predicted)]}, sorted."""
    groups = collections.defaultdict(list)
    for row, value in zip(rows, predicted):
        groups[key(row)].append((row, value))
    return dict(sorted(groups.items(), key=lambda item: (list(KINDS).index(item[0][0]), item[0][1:])))


def by_size(rows, predicted):
    """Errors by decade of the measured time."""
    lines = []
    for (kind, gpu, form), items in grouped(rows, predicted, lambda row: (row.kind, row.gpu, row.format)).items():
        cells = [figures([(row.measured, value) for row, value in items if low <= row.measured < high]) for low, high, _ in DECADES]
        lines.append([KINDS[kind], gpu, form, len(items), figures([(row.measured, value) for row, value in items]), *cells])
    return table(["kernels", "GPU", "format", "rows", "all", *(name for _, _, name in DECADES)], lines)


def by_serving_size(rows, predicted):
    """Errors by what decides in serving: rows of a product, tokens of experts, context. Of products those that read 4 MB of numbers or more."""
    texts = []
    for kind, bounds, what in (("gemm", TOKENS, "m"), ("moe", TOKENS, "tokens"), ("decode", CONTEXTS, "context"), ("prefill", CONTEXTS, "prompt")):
        lines = []
        chosen = [(row, value) for row, value in zip(rows, predicted) if row.kind == kind]
        if kind == "gemm":
            chosen = [(row, value) for row, value in chosen if int(row.shape[1]) * int(row.shape[2]) >= 4e6]
        for gpu, form in sorted({(row.gpu, row.format) for row, _ in chosen}):
            cells = [figures([(row.measured, value) for row, value in chosen
                              if (row.gpu, row.format) == (gpu, form) and low <= row.size <= high]) for low, high in bounds]
            lines.append([gpu, form, *cells])
        head = [f"{low}-{high}" if high < 10 ** 9 else f"{low}+" for low, high in bounds]
        texts.append(f"{KINDS[kind].capitalize()}, by {what}:\n\n" + table(["GPU", "format", *head], lines))
    return "\n\n".join(texts)


def left_out(program, rows, predicted):
    """Errors on each GPU with constants fitted to the others of its architecture, and with those of another architecture."""
    rows = [row for row in rows if row.kind != "all_reduce"]
    arch_of = dict(zip((row.gpu for row in rows), evaluate(program, rows)[1]))
    own, _, _ = evaluate(program, rows, "--fit")
    lines = []
    for gpu in sorted(arch_of):
        siblings = [other for other in arch_of if arch_of[other] == arch_of[gpu] and other != gpu]
        without, _, _ = evaluate(program, rows, "--fit", without=lambda row, gpu=gpu: row.gpu == gpu) if siblings else (None, 0, 0)
        for kind in ("gemm", "decode", "prefill", "moe"):
            items = [i for i, row in enumerate(rows) if row.gpu == gpu and row.kind == kind and row.fitted]
            has_sibling = any(row.gpu in siblings and row.kind == kind for row in rows)
            if items:
                pick = lambda values: figures([(rows[i].measured, values[i]) for i in items])  # noqa: E731
                lines.append([gpu, arch_of[gpu], KINDS[kind], len(items), pick(own), pick(without) if has_sibling else "no other GPU",
                              strangers(program, rows, items, gpu, arch_of)])
    return table(["GPU", "architecture", "kernels", "rows", "fitted with it", "fitted without it", "constants of another architecture"], lines)


STRANGERS = {}


def strangers(program, rows, items, gpu, arch_of):
    """The median over other architectures, whose constants are shipped, of the error that these would leave."""
    medians = []
    for other in ("Hopper", "Blackwell", "Ampere", "Ada"):
        if other != arch_of[gpu]:
            if (gpu, other) not in STRANGERS:
                STRANGERS[gpu, other] = evaluate(program, [row for row in rows if row.gpu == gpu], f"--as={other}")[0]
            values = dict(zip((i for i, row in enumerate(rows) if row.gpu == gpu), STRANGERS[gpu, other]))
            medians.append(statistics.median(abs(values[i] / rows[i].measured - 1) for i in items))
    return f"{100 * min(medians):.0f} to {100 * max(medians):.0f}"


# ---- the plot ----

def plot(rows, predicted):
    """Predicted / measured over measured seconds, a panel for each kind and GPU; darker where there are more."""
    groups = grouped(rows, predicted, lambda row: (row.kind, row.gpu))
    columns, width, height, gap = 4, 220, 120, 46
    panels = []
    for index, ((kind, gpu), items) in enumerate(groups.items()):
        x, y = 50 + index % columns * (width + gap), 40 + index // columns * (height + gap)
        panels.append(panel(x, y, width, height, f"{KINDS[kind]}, {gpu}", items))
    lines = -(-len(groups) // columns)
    size = (50 + columns * (width + gap), 50 + lines * (height + gap))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" font-family="sans-serif" font-size="11">\n'
            f'<rect width="{size[0]}" height="{size[1]}" fill="white"/>\n'
            '<text x="50" y="20" font-size="14">predicted / measured, over the measured time of a kernel</text>\n' +
            "".join(panels) + "</svg>\n")


def panel(x, y, width, height, title, items):
    """One of them: cells of a tenth of a decade and a fiftieth of the height."""
    low, high, bins = -6, 0, 50
    counts = collections.Counter()
    for row, value in items:
        across = int((math.log10(row.measured) - low) * 10)
        ratio = math.log2(value / row.measured)
        up = int((min(max(ratio, -1.99), 1.99) + 2) / 4 * bins)
        counts[across, up] += 1
    most = max(counts.values())
    text = f'<text x="{x}" y="{y - 5}">{title}</text>\n'
    for power in range(low, high + 1):
        at = x + (power - low) * width / (high - low)
        text += f'<line x1="{at:.1f}" y1="{y}" x2="{at:.1f}" y2="{y + height}" stroke="#ddd"/>\n'
        label = {-6: "1 us", -3: "1 ms", 0: "1 s"}.get(power)
        text += f'<text x="{at:.1f}" y="{y + height + 13}" text-anchor="middle" fill="#666">{label}</text>\n' if label else ""
    for ratio, label in ((-2, "1/4"), (-1, "1/2"), (0, "1"), (1, "2"), (2, "4")):
        at = y + height - (ratio + 2) / 4 * height
        text += f'<line x1="{x}" y1="{at:.1f}" x2="{x + width}" y2="{at:.1f}" stroke="{"#888" if ratio == 0 else "#ddd"}"/>\n'
        text += f'<text x="{x - 4}" y="{at + 4:.1f}" text-anchor="end" fill="#666">{label}</text>\n'
    cells = collections.defaultdict(str)
    wide, tall = width / 10 / (high - low), height / bins
    for (across, up), count in sorted(counts.items()):
        shade = min(4, int(5 * math.sqrt(count / most)))
        cells[shade] += f"M{x + across * wide:.1f} {y + height - (up + 1) * tall:.1f}h{wide:.1f}v{tall:.1f}h-{wide:.1f}z"
    for shade, path in sorted(cells.items()):
        text += f'<path d="{path}" fill="#1f4e8c" fill-opacity="{0.3 + 0.17 * shade:.2f}"/>\n'
    return text


# ---- the whole ----

def put(text, name, body):
    """The document with what is between the markers of `name` replaced."""
    begin, end = f"<!-- {name}: by tests/accuracy/kernels.py -->", f"<!-- end of {name} -->"
    head, tail = text.index(begin) + len(begin), text.index(end)
    return f"{text[:head]}\n{body}\n{text[tail:]}"


def check(rows, predicted):
    """Prints what fails; the exit status."""
    failed = 0
    for (kind, gpu), items in grouped(rows, predicted, lambda row: (row.kind, row.gpu)).items():
        error = statistics.median(abs(value / row.measured - 1) for row, value in items)
        if error > LIMIT:
            print(f"kernels.py: {KINDS[kind]} on {gpu}: median error {100 * error:.0f} %", file=sys.stderr)
            failed = 1
    return failed


def main():
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--knots", metavar="FILE")
    options = parser.parse_args()
    folder = pathlib.Path(os.environ.get("TOKENMILL_SHARED") or REPOSITORY.parent / "shared") / "measured"
    if not (folder / "ops_gemm.csv").exists():
        print(f"kernels.py: skipped: no {folder / 'ops_gemm.csv'}", file=sys.stderr)
        return 77
    if options.knots:
        write_knots(folder, options.knots)
        return 0
    said = []
    rows = gemm_rows(folder, said) + attention_rows(folder) + moe_rows(folder, said) + all_reduce_rows(folder)
    predicted, _, constants = evaluate(options.program, rows, *(["--fit"] if options.fit else []))
    tables = {"rejected": table(["kernels", "GPU", "format", "rows", "of", "why"], said), "sizes": by_size(rows, predicted),
              "serving": by_serving_size(rows, predicted)}
    if options.plot:
        pathlib.Path(options.plot).write_text(plot(rows, predicted), encoding="utf-8")
    if options.write:
        tables["left out"] = left_out(options.program, rows, predicted)
        path = pathlib.Path(options.write)
        text = path.read_text(encoding="utf-8")
        for name, body in tables.items():
            text = put(text, name, body)
        path.write_text(text, encoding="utf-8")
    elif not options.check:
        print("\n\n".join([*tables.values(), "\n".join(constants)]))
    return check(rows, predicted) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
