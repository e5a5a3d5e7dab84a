"""Runs of requests.csv: real requests, one by one, replayed at the instants at which their server queued them."""

import csv
import dataclasses
import io

import figures
import program
from groups import CATALOGUE_GPU

METRICS = ("ttft", "tpot", "e2e")
PERCENTILES = (50, 90, 99)


@dataclasses.dataclass
class Replay:
    """One run: metric -> seconds of all requests, measured and predicted; and output tokens a second."""

    run: object
    measured: dict
    predicted: dict

    def at(self, metric, percent):
        """(measured, predicted) at a percentile."""
        return figures.percentile(self.measured[metric], percent), figures.percentile(self.predicted[metric], percent)


def rows_of(run, rows):
    """The run's requests in the order in which they were queued."""
    mine = (row for row in rows if row["model"] == run.model and row["gpu"] == run.gpu)
    return sorted(mine, key=lambda row: float(row["queued_s"]))


def trace(rows):
    """The requests as a normalised trace."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arrival_s", "input_tokens", "output_tokens"])
    writer.writerows([row["queued_s"], row["isl"], row["osl"]] for row in rows)
    return text.getvalue()


def scenario(run):
    """The server, with vLLM's defaults for smaller GPUs, and the trace beside it."""
    workload = {"name": "sharegpt", "arrivals": {"process": "trace", "file": "trace.csv", "format": "normalised"}}
    pool = {"name": "main", "gpu": CATALOGUE_GPU[run.gpu], "model": run.llm, "precision": "bf16", "replicas": run.replicas,
            "batching": {"max_num_seqs": run.max_num_seqs, "max_num_batched_tokens": 2048}}
    if run.num_gpu_blocks:
        pool["num_gpu_blocks"] = run.num_gpu_blocks
    return {"name": run.name, "workload": [workload], "fleet": [pool], "cost": {"gpu_usd_per_hour": 0}}


def latencies(requests):
    """Seconds by metric from (arrival, ttft, e2e, output tokens) of each, and the rate over the run."""
    spans = [(arrival, arrival + e2e) for arrival, _, e2e, _ in requests]
    makespan_s = max(end for _, end in spans) - min(start for start, _ in spans)
    return {
        "ttft": [ttft for _, ttft, _, _ in requests],
        "tpot": [(e2e - ttft) / (tokens - 1) for _, ttft, e2e, tokens in requests if tokens > 1],
        "e2e": [e2e for _, _, e2e, _ in requests],
        "output_tok_s": sum(tokens for _, _, _, tokens in requests) / makespan_s,
    }


def compare(run, rows):
    """Replays one run. Raises ProgramError."""
    mine = rows_of(run, rows)
    result, requests = program.run(scenario(run), {"trace.csv": trace(mine)})
    if result["requests"]["completed"] != len(mine):
        raise program.ProgramError(f"{run.name}: {len(mine)} requests, {result['requests']['completed']} completed")
    theirs = [(float(r["queued_s"]), float(r["ttft_ms"]) / 1e3, float(r["e2e_ms"]) / 1e3, int(r["osl"])) for r in mine]
    ours = [(float(r["arrival_s"]), float(r["ttft_s"]), float(r["e2e_s"]), int(r["output_tokens"])) for r in requests]
    return Replay(run, latencies(theirs), latencies(ours))
