"""--requests and --json tell one story: counts, tokens, percentiles and SLOs are worked out again from the rows."""

import csv
import json
import math
import os
import pathlib
import subprocess
import tempfile
from fractions import Fraction

# Overloaded on purpose: rejections, a growing queue, requests on their way at the cut, a warm-up.
SCENARIO = """
name: reconcile
seed: 11
duration: 100s
warmup: 20s
workload:
  - name: chat
    arrivals: {process: poisson, rate: 60/s}
    input_tokens: {distribution: uniform, min: 100, max: 1500}
    output_tokens: {distribution: geometric, mean: 150}
    slo: {ttft_p99: 2s, tpot_p90: 30ms, e2e_p50: 10s}
  - name: short
    arrivals: {process: constant, rate: 2/s}
    input_tokens: {distribution: constant, value: 50}
    output_tokens: {distribution: constant, value: 1}
    slo: {tpot_p99: 1ms}
fleet:
  - name: main
    gpu: L40S
    model: Llama-3.1-8B
    precision: fp8
    replicas: 1
    max_model_len: 1400
cost: {deal: on-demand, gpu_usd_per_hour: 1, electricity: included}
"""

WARMUP_S, END_S = 20, 100
HISTOGRAM_STEP = Fraction(1, 512)


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def run(folder):
    scenario, rows = folder / "scenario.yaml", folder / "rows.csv"
    scenario.write_text(SCENARIO)
    command = [os.environ["TOKENMILL"], "run", str(scenario), "--requests", str(rows), "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    with open(rows, newline="") as file:
        return json.loads(done.stdout), list(csv.DictReader(file))


def value(row, metric):
    return Fraction(row[metric]) if row[metric] else None


def test_counts(result, rows):
    requests = result["requests"]
    by_status = {"completed": 0, "unfinished": 0, "rejected": 0}
    for row in rows:
        by_status[row["status"].split(":")[0]] += 1
    check(len(rows) == requests["emitted"], "emitted")
    check(requests["read"] == requests["emitted"] + requests["dropped"], "read")
    for status, count in by_status.items():
        check(requests[status] == count, status)
        check(count > 0, f"the scenario has no request that is {status}")
    check(requests["unfinished"] == requests["waiting"] + requests["running"], "unfinished")
    check(sum(requests["rejected_by_reason"].values()) == requests["rejected"], "reasons")
    check(sorted(int(row["request_id"]) for row in rows) == list(range(len(rows))), "ids")


def test_order(rows):
    ended = [row for row in rows if row["status"] == "completed"]
    finish = [value(row, "finish_s") for row in ended]
    check(finish == sorted(finish), "rows in order of their end")
    tail = [row for row in rows if row["status"] == "unfinished"]
    check(rows[-len(tail):] == tail, "unfinished last")
    ids = [int(row["request_id"]) for row in tail]
    check(ids == sorted(ids), "unfinished by id")


def test_times(rows):
    for row in rows:
        if row["status"] == "completed":
            arrival, finish = value(row, "arrival_s"), value(row, "finish_s")
            check(abs(finish - arrival - value(row, "e2e_s")) <= Fraction(2, 10**18), "e2e")
            check(value(row, "queue_s") <= value(row, "ttft_s") <= value(row, "e2e_s"), "order of times")
            check((row["tpot_s"] == "") == (row["output_tokens"] == "1"), "tpot of one token")


def percentile(known, ages, percent):
    """The definition, on the exact values (at an age the rank asked for falls): None if no x will do."""
    left = len(known) + len(ages)
    reached = 0
    for x, is_age in sorted([(x, False) for x in known] + [(age, True) for age in ages]):
        left -= is_age
        reached += not is_age
        if reached >= math.ceil(Fraction(percent, 100) * left) and reached + left > 0:
            return x if known else None
    return None


def near(found, exact):
    """A histogram's bin is named by its upper edge."""
    if exact is None or found is None:
        return exact is None and found is None
    return exact * (1 - Fraction(1, 10**9)) <= Fraction(found) <= exact * (1 + HISTOGRAM_STEP) + Fraction(1, 10**15)


def measured(rows, workload=None):
    return [row for row in rows if Fraction(row["arrival_s"]) >= WARMUP_S and workload in (None, row["workload"])]


def test_latency(latency, rows):
    accepted = [row for row in rows if not row["status"].startswith("rejected")]
    for metric in ("ttft_s", "e2e_s", "queue_s", "tpot_s"):
        known = [value(row, metric) for row in accepted if row[metric]]
        ages = [END_S - Fraction(row["arrival_s"]) for row in accepted if not row[metric]]
        if metric == "tpot_s":
            ages = []
        else:
            check(latency[metric]["undecided"] == len(ages), f"undecided {metric}")
        for percent in (50, 90, 95, 99):
            found, exact = latency[metric][f"p{percent}"], percentile(known, ages, percent)
            check(near(found, exact), f"{metric} p{percent}: {found} is not {exact and float(exact)}")
        mean = sum(known) / len(known) if known else None
        check(mean is None or abs(Fraction(latency[metric]["mean"]) - mean) <= mean / 10**9, f"mean {metric}")


def is_met(row, metric, limit):
    """True, False, or None: undecided."""
    if row["status"].startswith("rejected"):
        return False
    known = value(row, metric + "_s")
    if known is not None:
        return known <= limit
    if metric == "tpot":
        return True if row["status"] == "completed" else None
    return False if END_S - Fraction(row["arrival_s"]) > limit else None


def violates(row, thresholds):
    return any(is_met(row, metric, limit) is False for metric, _, limit in thresholds.values())


def test_slo(slo, rows, thresholds):
    for name, (metric, percent, limit) in thresholds.items():
        verdicts = [is_met(row, metric, limit) for row in rows]
        if metric == "tpot":
            verdicts = [False if verdict is None and violates(row, thresholds) else verdict
                        for verdict, row in zip(verdicts, rows)]
        decided = [verdict for verdict in verdicts if verdict is not None]
        share = Fraction(sum(decided), len(decided))
        check(abs(Fraction(slo[name]["attainment_ratio"]) - share) < Fraction(1, 10**12), f"{name}: {float(share)}")
        check(slo[name]["met"] == (share >= Fraction(percent, 100)), f"{name} met")


def test_money(result):
    cost, tokens = result["cost"], result["tokens"]
    check(math.isclose(sum(cost["ledger"].values()), cost["total_usd"], rel_tol=1e-12), "ledger")
    again = (cost["usd_per_mtok_input"] * tokens["input"] + cost["usd_per_mtok_output"] * tokens["output"]) / 1e6
    check(math.isclose(again, cost["total_usd"], rel_tol=1e-9), "input and output")
    shares = sum(entry["cost"]["total_usd"] for entry in result["by_workload"].values())
    check(math.isclose(shares, cost["total_usd"], rel_tol=1e-9), "workloads")
    check(math.isclose(cost["total_usd"], (END_S - WARMUP_S) / 3600, rel_tol=1e-12), "a GPU at 1 USD/h")
    check(0 <= cost["idle_share"] < 0.1, "idle share of a full pool")


def test_energy(result):
    energy, bill = result["energy"], result["bill"]
    check(math.isclose(sum(bill["it_kwh_by_hour"]), energy["it_kwh"], rel_tol=1e-9), "kWh by hour")
    mean_w = energy["it_kwh"] * 3.6e6 / result["run"]["window_s"]
    check(math.isclose(mean_w, result["power"]["mean_w"], rel_tol=1e-9), "mean power")
    check(result["power"]["peak_w"] >= mean_w, "peak power")


def main():
    with tempfile.TemporaryDirectory() as name:
        result, rows = run(pathlib.Path(name))
    test_counts(result, rows)
    test_order(rows)
    test_times(rows)
    test_latency(result["latency"], measured(rows))
    for workload, entry in result["by_workload"].items():
        test_latency(entry["latency"], measured(rows, workload))
        check(entry["requests"]["measured"]["emitted"] == len(measured(rows, workload)), "measured")
    test_slo(result["by_workload"]["chat"]["slo"], measured(rows, "chat"),
             {"ttft_p99": ("ttft", 99, 2), "tpot_p90": ("tpot", 90, Fraction(3, 100)), "e2e_p50": ("e2e", 50, 10)})
    test_slo(result["by_workload"]["short"]["slo"], measured(rows, "short"),
             {"tpot_p99": ("tpot", 99, Fraction(1, 1000))})
    test_money(result)
    test_energy(result)
    print("ok")


main()
