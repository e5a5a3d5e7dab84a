"""Rows of serving.csv, what was measured in them, and what tokenmill predicts."""

import csv
import dataclasses

import clients
import figures
import program
from groups import IMPOSSIBLE

METRICS = ("tpot", "ttft", "e2e", "output_tok_s", "power_w")


@dataclasses.dataclass
class Comparison:
    """One row: measured and predicted values by metric (seconds, tok/s, W), None where there is none."""

    row: dict
    measured: dict
    predicted: dict

    def error(self, metric):
        """Relative and signed; None where either is missing."""
        return figures.error(self.predicted.get(metric), self.measured.get(metric))


def read(path):
    """The rows of a CSV file with a header."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def order(row):
    """Servers first, then lengths, then load."""
    return int(row["tp"]), float(row["isl"] or 0), float(row["osl"] or 0), clients.load_of(row)


def is_usable(row):
    """Aggregated, whole replicas, not overloaded by the benchmark's own account, and possible."""
    whole = row["tp"] and int(row["num_gpus"]) % int(row["tp"]) == 0
    sound = "OVERLOAD" not in row["notes"] and row["row_id"] not in IMPOSSIBLE
    return row["mode"] == "agg" and whole and sound


def rows_of(group, rows):
    """The group's rows, in order."""
    keys = ("source", "model", "gpu", "precision", "engine")
    mine = (row for row in rows if all(row[key] == getattr(group, key) for key in keys))
    return sorted((row for row in mine if is_usable(row) and group.select in row["notes"]), key=order)


def ms(row, *names):
    """The first of a row's columns that is there, in seconds."""
    values = [clients.number(row[name]) for name in names]
    known = [value for value in values if value is not None]
    return known[0] * 1e-3 if known else None


def measured(group, row):
    """ML.ENERGY publishes the median gap between tokens as TPOT, and queues everything at t = 0: no TTFT."""
    values = {
        "tpot": ms(row, "tpot_ms_mean", "tpot_ms_p50"),
        "ttft": ms(row, "ttft_ms_mean", "ttft_ms_p50"),
        "e2e": ms(row, "e2e_ms_mean", "e2e_ms_p50"),
        "output_tok_s": clients.number(row["output_tok_s"]),
        "power_w": clients.number(row["power_w_per_gpu"]),
    }
    if group.client == "mlenergy":
        values |= {"tpot": ms(row, "tpot_ms_p50"), "ttft": None, "e2e": None}
    return values


def tokens_between(request, start_s, end_s):
    """Output tokens of a request in a window; evenly spaced after its first."""
    first_s = float(request["arrival_s"]) + float(request["ttft_s"])
    finish_s = float(request["finish_s"])
    gaps = int(request["output_tokens"]) - 1
    within = max(0.0, min(end_s, finish_s) - max(start_s, first_s))
    return (start_s <= first_s < end_s) + (gaps * within / (finish_s - first_s) if gaps > 0 else 0)


def steady_tok_s(requests, batch):
    """Output rate from when `batch` requests have a first token until all but `batch` + 1 have ended (ML.ENERGY's window)."""
    done = [request for request in requests if request["status"] == "completed"]
    firsts = sorted(float(request["arrival_s"]) + float(request["ttft_s"]) for request in done)
    finishes = sorted(float(request["finish_s"]) for request in done)
    start_s, end_s = firsts[min(batch, len(firsts)) - 1], finishes[max(0, len(finishes) - batch - 2)]
    if end_s <= start_s:
        return None
    return sum(tokens_between(request, start_s, end_s) for request in done) / (end_s - start_s)


def predicted(group, row, result, requests):
    """The same metrics from a result of tokenmill."""
    latency = result["latency"]
    values = {
        "tpot": latency["tpot_s"]["mean"],
        "ttft": latency["ttft_s"]["mean"],
        "e2e": latency["e2e_s"]["mean"],
        "output_tok_s": result["throughput"]["output_tok_per_s"],
        "power_w": result["power"]["board_per_gpu_w"],
    }
    if group.client == "mlenergy":
        values |= {"tpot": latency["itl_s"]["p50"], "output_tok_s": steady_tok_s(requests, int(clients.load_of(row)))}
    return values


def compare(group, row, recipes):
    """Simulates one row. Raises ProgramError."""
    recipe = dict(recipes.get(row["recipe_id"], {}))
    if group.kv_precision:
        recipe["kv_precision"] = group.kv_precision
    result, requests = program.run(getattr(clients, group.client)(row, recipe))
    if result["requests"]["completed"] != result["requests"]["emitted"]:
        raise program.ProgramError(f"{row['row_id']}: not all requests were completed: {result['requests']}")
    return Comparison(row, measured(group, row), predicted(group, row, result, requests))


def sample(rows, count):
    """At most `count` of them, spread evenly, the last one always (the heaviest load)."""
    if count is None or len(rows) <= count:
        return rows
    return [rows[(i + 1) * len(rows) // count - 1] for i in range(count)]
