"""The time series of a results file: dimensions, units, and what is missing, as h5py and xarray (both engines) see them."""

import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
    import xarray
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SCENARIO = """
name: series
requests: 300
warmup: 25s
workload:
  - name: chat
    arrivals: {process: poisson, rate: 3/s}
    input_tokens: {distribution: constant, value: 500}
    output_tokens: {distribution: constant, value: 100}
fleet:
  - {name: one, gpu: H100-SXM, model: Llama-3.1-8B}
  - {name: two, gpu: H100-SXM, model: Llama-3.1-8B}
series: {interval: 10s}
"""
RATES = "sweep: {workload.chat.arrivals.rate: [2/s, 6/s]}\n"


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


def tokenmill(*arguments):
    done = subprocess.run([os.environ["TOKENMILL"], *map(str, arguments)], capture_output=True, text=True)
    check(done.returncode == 0, f"tokenmill {arguments}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def test_one_run(folder):
    (folder / "one.yaml").write_text(SCENARIO)
    tokenmill("run", folder / "one.yaml", "-o", folder / "one.h5", "--series", folder / "one.csv", "-q")
    with open(folder / "one.csv") as file:
        rows = list(csv.DictReader(file))
    for engine in ("netcdf4", "h5netcdf"):
        with xarray.open_dataset(folder / "one.h5", engine=engine, mask_and_scale=False) as dataset:
            check(dataset["series_steps"].dims == ("pool", "time"), "dims")
            check(dataset["time"].attrs["units"] == "s" and dataset["time"].attrs["interval_s"] == "10", "time")
            check(dataset["time"].values[:5].tolist() == [0, 10, 20, 25, 30], "starts")
            names = [name for name in rows[0] if name not in ("start_s", "duration_s", "in_window", "pool")]
            for row in rows:
                at = dataset.sel(time=float(row["start_s"]))
                check(float(at["series_duration_s"]) == float(row["duration_s"]), "duration")
                check(int(at["series_in_window"]) == int(row["in_window"]), "in_window")
                for name in names:
                    value = at[f"series_{name}"].sel(pool=row["pool"]).item()
                    check(value == float(row[name]) if row[name] else numpy.isnan(value), f"{name} at {row['start_s']}")
    with h5py.File(folder / "one.h5") as file:
        check(file["series_tokens_output"].dims[1].keys() == ["time"], "h5py dimension scale")
        check(file["series_power_mean_w"].attrs["units"] == "W", "h5py units")
        check(file["series_tokens_output"].dtype == numpy.int64, "integers")


def test_points_of_other_lengths(folder):
    (folder / "sweep.yaml").write_text(SCENARIO + RATES)
    result = json.loads(tokenmill("sweep", folder / "sweep.yaml", "-o", folder / "sweep.h5", "--json", "-q"))
    ends = [point["run"]["simulated_s"] for point in result["points"]]
    check(ends[0] > ends[1] + 20, "the slower point is longer")
    with xarray.open_dataset(folder / "sweep.h5") as dataset:
        check(dataset["series_busy_ratio"].dims == ("rate_per_s", "pool", "time"), "dims")
        short = dataset.isel(rate_per_s=1)
        beyond = short["time"] >= ends[1]
        check(bool(beyond.any()) and bool(short["series_busy_ratio"].where(beyond, drop=True).isnull().all()), "missing")
        check(bool(short["series_tokens_output"].where(beyond, drop=True).isnull().all()), "missing integers")
        check(bool(short["series_busy_ratio"].where(~beyond, drop=True).notnull().all()), "there")
        inside = dataset["series_in_window"] == 1
        tokens = dataset["series_tokens_output"].where(inside).sum(["pool", "time"])
        check(tokens.values.tolist() == dataset["tokens_output"].values.tolist(), "sums by point")


def test_points_with_other_warm_ups(folder):
    (folder / "warm.yaml").write_text(SCENARIO + "sweep: {warmup: [0s, 25s]}\n")
    tokenmill("sweep", folder / "warm.yaml", "-o", folder / "warm.h5", "-q")
    with xarray.open_dataset(folder / "warm.h5") as dataset:
        check(dataset["time"].attrs["units"] == "1" and dataset["time"].values[:3].tolist() == [0, 1, 2], "numbers")
        check(dataset["series_start_s"].values[:, :5].tolist() == [[0, 10, 20, 30, 40], [0, 10, 20, 25, 30]], "starts")


with tempfile.TemporaryDirectory() as name:
    test_one_run(pathlib.Path(name))
    test_points_of_other_lengths(pathlib.Path(name))
    test_points_with_other_warm_ups(pathlib.Path(name))
