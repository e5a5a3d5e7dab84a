#!/usr/bin/env python3
"""Compares tokenmill with another program's run, request by request.

    compare.py CASE_DIR [--keep DIR]

CASE_DIR holds `params.json`, the request file (`trace.csv` of BLIS, `requests.csv` of Vidur) and `expected_requests.csv`.
The scenario that says the same in tokenmill's words is written and run by $TOKENMILL (by default `tokenmill`, from PATH).
With --keep, `scenario.yaml` and tokenmill's `requests.csv` stay in DIR, which is made if it is not there.

Prints the errors of the requests' end-to-end times, |ours - theirs| / theirs; the last line is
`case: E2E median x %, p99 y %`. docs/agreement.md says what maps exactly, what differs and why.

Exit status: 0 within tolerance; 1 beyond; 2 misuse, or a folder that is no such case; 3 tokenmill failed.
"""

import argparse
import contextlib
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import blis
import vidur
from scenario import CaseError

# Percent, by percentile. What is listed is checked; median and p99 are always printed.
TOLERANCE = {
    "blis": {50: 0.5, 99: 1.0},
    "blis, preempted": {50: 0.5, 90: 10.0},
    "vidur": {50: 0.5, 99: 3.0},
    "vidur, preempted": {50: 1.5, 99: 5.0},
}


class ProgramError(Exception):
    """tokenmill could not be run, or failed."""


def read_rows(path):
    """The rows of a CSV file with a header, as dictionaries."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise CaseError(f"{path}: {error.strerror}") from error


def read_json(path):
    """A JSON file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CaseError(f"{path}: {error}") from error


def their_preemptions(case_dir):
    """How many there were in the other program's run, if the case says."""
    path = case_dir / "expected_summary.json"
    return read_json(path).get("preemptions", 0) if path.exists() else 0


def peer_of(params):
    """The module that knows the program which ran the case."""
    return blis if "latency_model" in params else vidur


def write_scenario(case_dir, peer, params, earlier, path):
    """Writes a case's scenario to `path`. `earlier`: tokenmill's rows of an earlier run of it, or None."""
    try:
        trace = (case_dir / peer.TRACE).resolve()
        text = peer.scenario(case_dir.name, params, str(trace), read_rows(trace), earlier)
    except (LookupError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CaseError(f"{case_dir}: not such a case: {type(error).__name__}: {error}") from error
    path.write_text(text, encoding="utf-8")


def run_tokenmill(scenario, requests):
    """Runs the scenario; returns its rows of requests."""
    program = os.environ.get("TOKENMILL", "tokenmill")
    command = [program, "run", str(scenario), "--quiet", "--requests", str(requests)]
    try:
        status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        raise ProgramError(f"{program}: {error.strerror}") from error
    if status != 0:
        raise ProgramError(f"{program} run failed with status {status}")
    return read_rows(requests)


def percentile(values, percent):
    """Linear between ranks, as numpy's default."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * percent / 100
    below = int(rank)
    if rank == below or ordered[below] == ordered[below + 1]:
        return ordered[below]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (rank - below)


def relative_error(row, theirs_s):
    """Of one request's end-to-end time, in percent. Without an answer it is infinite."""
    if row is None or row["status"] != "completed":
        return float("inf")
    return 100 * abs(float(row["e2e_s"]) - theirs_s) / theirs_s


def compare(ours, expected, peer):
    """Errors in percent, one per expected request, and how many rows of ours were preempted."""
    by_id = {int(row["request_id"]): row for row in ours}
    errors = [relative_error(by_id.get(int(row["id"])), peer.e2e_s(row)) for row in expected]
    preempted = sum(int(row["preemptions"] or 0) > 0 for row in ours)
    return errors, preempted


def tolerance_of(peer, preempted):
    """The row of TOLERANCE that applies; `preempted`: in either run."""
    return TOLERANCE[peer.NAME + ", preempted" if preempted else peer.NAME]


def report(name, errors, limits):
    """Prints the errors; returns whether all are within `limits`."""
    figures = {percent: percentile(errors, percent) for percent in {50, 90, 99, *limits}}
    tolerance = ", ".join(f"p{percent} {limit:g} %" for percent, limit in limits.items())
    print(f"E2E p90 {figures[90]:.3f} %, max {max(errors):.3f} %; tolerance {tolerance}")
    print(f"{name}: E2E median {figures[50]:.3f} %, p99 {figures[99]:.3f} %")
    return all(figures[percent] <= limit for percent, limit in limits.items())


@contextlib.contextmanager
def folder(keep):
    """The folder to leave files in, or one for the while."""
    if keep is None:
        with tempfile.TemporaryDirectory() as path:
            yield pathlib.Path(path)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep


def check(case_dir, keep):
    """Runs one case; returns the exit status."""
    expected = read_rows(case_dir / "expected_requests.csv")
    if not expected:
        raise CaseError(f"{case_dir / 'expected_requests.csv'}: no requests")
    params = read_json(case_dir / "params.json")
    peer = peer_of(params)
    ours = None
    with folder(keep) as place:
        for _ in range(peer.RUNS):
            write_scenario(case_dir, peer, params, ours, place / "scenario.yaml")
            ours = run_tokenmill(place / "scenario.yaml", place / "requests.csv")
    errors, preempted = compare(ours, expected, peer)
    print(f"{len(errors)} requests, {preempted} of them preempted here")
    limits = tolerance_of(peer, preempted or their_preemptions(case_dir))
    return 0 if report(case_dir.name, errors, limits) else 1


def main():
    """Parses the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Compares tokenmill with another program's run, request by request.")
    parser.add_argument("case_dir", type=pathlib.Path, metavar="CASE_DIR", help="folder of the other program's run")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="leave scenario.yaml and requests.csv there")
    options = parser.parse_args()
    try:
        return check(pathlib.Path(os.path.abspath(options.case_dir)), options.keep)
    except ProgramError as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 3
    except (CaseError, OSError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
