#!/usr/bin/env python3
"""Replays real traces whole, and reconciles every count and token with the file.

    replay.py TRACE          a name of TRACES

Reads traces under $TOKENMILL_SHARED (by default ../shared beside the repository), runs $TOKENMILL (by default `tokenmill`, from PATH),
draining and cut at a duration, and counts the file again with nothing of tokenmill in between. Rows that are dropped,
requests that are rejected, not finished or completed, and tokens in and out must agree exactly, in the result and in its rows
of requests.

Exit status: 0; 1 something disagrees; 2 misuse; 77 no traces here.
"""

import csv
import dataclasses
import datetime
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Trace:
    """A file, what reads it, and a fleet that keeps up with it."""

    file: str
    format: str
    model: str
    gpu: str
    tensor_parallel: int
    replicas: int
    cut_s: int          # the duration of the second run
    reuses_prefixes: bool = False


TRACES = {
    "azure-code": Trace("azure2023/AzureLLMInferenceTrace_code.csv", "azure-llm-2023", "Llama-3.1-8B", "H100-SXM", 1, 4, 1800),
    "azure-code-normalised": Trace("norm/azure2023_code.csv", "normalised", "Llama-3.1-8B", "H100-SXM", 1, 4, 1800),
    "azure-conv": Trace("azure2023/AzureLLMInferenceTrace_conv_first40min.csv", "azure-llm-2023", "Llama-3.1-70B",
                        "H100-SXM", 4, 3, 1200),
    "azure-conv-normalised": Trace("norm/azure2023_conv_first40min.csv", "normalised", "Llama-3.1-70B", "H100-SXM", 4, 3, 1200),
    "mooncake": Trace("norm/mooncake_conversation_first44min.csv", "normalised", "Llama-3.1-70B", "H200-SXM", 8, 8, 1300, True),
    "ragpulse": Trace("norm/ragpulse_A.csv", "normalised", "Llama-3.1-8B", "L40S", 1, 1, 300000, True),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a trace, read without tokenmill."""

    arrival_s: decimal.Decimal
    input_tokens: int
    output_tokens: int


def azure_time_s(text):
    """Seconds since 1970 of `2023-11-16 18:17:03.9799600`, exactly."""
    whole, _, fraction = text.partition(".")
    instant = datetime.datetime.strptime(whole, "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.timezone.utc)
    return decimal.Decimal(int(instant.timestamp())) + decimal.Decimal("0." + (fraction or "0"))


def read_rows(trace, path):
    """All rows of the file, in its order."""
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if trace.format == "normalised":
        return [Row(decimal.Decimal(r["arrival_s"]), int(r["input_tokens"]), int(r["output_tokens"])) for r in lines]
    first_s = azure_time_s(lines[0]["TIMESTAMP"])
    return [Row(azure_time_s(r["TIMESTAMP"]) - first_s, int(r["ContextTokens"]), int(r["GeneratedTokens"])) for r in lines]


def scenario(trace, path, duration_s):
    """The replay. Without money."""
    arrivals = {"process": "trace", "file": str(path), "format": trace.format}
    pool = {"name": "main", "gpu": trace.gpu, "model": trace.model, "precision": "fp8", "tensor_parallel": trace.tensor_parallel,
            "replicas": trace.replicas, "max_model_len": 131072}
    end = {"duration": duration_s} if duration_s else {}
    return {"name": path.stem, **end, "workload": [{"name": "trace", "arrivals": arrivals}], "fleet": [pool],
            "routing": {"policy": "least-outstanding"}, "cost": {"gpu_usd_per_hour": 0}}


def run(document):
    """The JSON result, and the rows of requests."""
    program = os.environ.get("TOKENMILL", "tokenmill")
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "scenario.yaml").write_text(json.dumps(document), encoding="utf-8")
        command = [program, "run", "scenario.yaml", "--quiet", "--json", "--requests", "requests.csv"]
        done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, text=True, check=True)
        with open(place / "requests.csv", newline="", encoding="utf-8") as file:
            return json.loads(done.stdout), list(csv.DictReader(file))


class Mismatches:
    """What disagrees, printed as it is found."""

    def __init__(self, where):
        self.where = where
        self.count = 0

    def equal(self, what, found, wanted):
        """Notes a difference."""
        if found != wanted:
            self.count += 1
            print(f"{self.where}: {what}: {found}, not {wanted}", file=sys.stderr)


def expect_counts(mismatches, requests, rows, emitted):
    """Every row of the file is somewhere."""
    mismatches.equal("read", requests["read"], len(rows))
    mismatches.equal("emitted", requests["emitted"], len(emitted))
    mismatches.equal("dropped", requests["dropped"], len(rows) - len(emitted))
    mismatches.equal("after_end", requests["dropped_by_reason"]["after_end"], len(rows) - len(emitted))
    mismatches.equal("sum of dropped_by_reason", sum(requests["dropped_by_reason"].values()), requests["dropped"])
    ends = requests["completed"] + requests["unfinished"] + requests["rejected"]
    mismatches.equal("completed + unfinished + rejected", ends, requests["emitted"])
    mismatches.equal("sum of rejected_by_reason", sum(requests["rejected_by_reason"].values()), requests["rejected"])


def expect_drained(mismatches, result, emitted):
    """With capacity to spare and no end, each request completes with all its tokens."""
    mismatches.equal("completed", result["requests"]["completed"], len(emitted))
    mismatches.equal("tokens.input", result["tokens"]["input"], sum(row.input_tokens for row in emitted))
    mismatches.equal("tokens.output", result["tokens"]["output"], sum(row.output_tokens for row in emitted))


def expect_requests(mismatches, result, requests, emitted):
    """The rows of requests: one for each of the trace's, with its arrival and lengths, adding up to the result."""
    mismatches.equal("rows of requests", len(requests), len(emitted))
    for request in requests:
        row = emitted[int(request["request_id"])]
        off_s = abs(decimal.Decimal(request["arrival_s"]) - row.arrival_s)
        on_grid = off_s <= decimal.Decimal("32e-12")
        mismatches.equal(f"arrival of request {request['request_id']} on the key grid", on_grid, True)
        mismatches.equal(f"input of request {request['request_id']}", int(request["input_tokens"]), row.input_tokens)
        if request["status"] == "completed":
            mismatches.equal(f"output of request {request['request_id']}", int(request["output_tokens"]), row.output_tokens)
    mismatches.equal("ids", len({request["request_id"] for request in requests}), len(requests))
    for status in ("completed", "unfinished"):
        mismatches.equal(f"rows {status}", sum(r["status"] == status for r in requests), result["requests"][status])
    mismatches.equal("output tokens of the rows", sum(int(r["output_tokens"]) for r in requests), result["tokens"]["output"])
    prefilled = sum(int(r["input_tokens"]) for r in requests if r["ttft_s"])
    mismatches.equal("input tokens of the rows that have a first token", prefilled, result["tokens"]["input"])


def expect_note(mismatches, trace, result):
    """A trace that shares prefixes says that their reuse is not modelled; another does not."""
    said = any("prefix reuse is not modelled" in json.dumps(assumption) for assumption in result["assumptions"])
    mismatches.equal("a word on prefix reuse", said, trace.reuses_prefixes)


def replay(name, trace, path, duration_s):
    """One run; returns how much disagrees."""
    rows = read_rows(trace, path)
    emitted = [row for row in rows if not duration_s or row.arrival_s < duration_s]
    result, requests = run(scenario(trace, path, duration_s))
    mismatches = Mismatches(f"{name}, {f'cut at {duration_s} s' if duration_s else 'drained'}")
    expect_counts(mismatches, result["requests"], rows, emitted)
    expect_requests(mismatches, result, requests, emitted)
    expect_note(mismatches, trace, result)
    mismatches.equal("saturated", result["run"]["saturated"], False)
    if not duration_s:
        expect_drained(mismatches, result, emitted)
    counts, tokens = result["requests"], result["tokens"]
    print(f"{mismatches.where}: {counts['read']} rows, {counts['dropped']} after the end, {counts['completed']} completed, "
          f"{counts['unfinished']} unfinished, {counts['rejected']} rejected; {tokens['input']} tokens in, {tokens['output']} out; "
          f"load {result['utilization']['load_ratio']:.3f}, TTFT p99 {result['latency']['ttft_s']['p99']:.3f} s")
    return mismatches.count


def main():
    """Returns the exit status."""
    if len(sys.argv) != 2 or sys.argv[1] not in TRACES:
        print(f"usage: replay.py {'|'.join(TRACES)}", file=sys.stderr)
        return 2
    name = sys.argv[1]
    trace = TRACES[name]
    shared = pathlib.Path(os.environ.get("TOKENMILL_SHARED") or REPOSITORY.parent / "shared")
    path = (shared / "traces" / trace.file).resolve()
    if not path.exists():
        print(f"replay.py: no {path}", file=sys.stderr)
        return 77
    return 1 if replay(name, trace, path, 0) + replay(name, trace, path, trace.cut_s) else 0


if __name__ == "__main__":
    sys.exit(main())
