"""A results file opens in h5py, xarray (both engines), netCDF4 and ncdump, by coordinate, with the numbers of --json."""

import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import h5py
    import netCDF4
    import numpy
    import xarray
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SCENARIO = """
name: outsiders
seed: 7
duration: 3min
workload:
  - name: chat
    arrivals: {process: poisson, rate: 3/s}
    input_tokens: {distribution: uniform, min: 100, max: 900}
    output_tokens: {distribution: geometric, mean: 120}
    slo: {ttft_p99: 2s, tpot_p99: 60ms}
  - name: batch
    arrivals: {process: constant, rate: 0.5/s}
    input_tokens: {distribution: constant, value: 2000}
    output_tokens: {distribution: constant, value: 1}
fleet:
  - name: main
    gpu: H100-SXM
    model: Llama-3.1-8B
    precision: bf16
    replicas: 1
power: {pue: 1.25}
cost: {deal: on-demand, gpu_usd_per_hour: 2.5, electricity: included}
compare: {api: [gpt-4o-mini]}
"""

SWEEP = """
sweep:
  workload.chat.arrivals.rate: [1/s, 3/s]
  fleet.main.precision: [bf16, fp8]
  fleet.main.replicas: [1, 2]
"""


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def tokenmill(*arguments):
    done = subprocess.run([os.environ["TOKENMILL"], *map(str, arguments)], capture_output=True, text=True)
    check(done.returncode == 0, f"tokenmill {arguments}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def metric_table():
    """(name, JSON path, dimension) by section of docs/metrics.md; the unit test `metrics` keeps the page true."""
    page = pathlib.Path(os.environ["TOKENMILL_SOURCE"], "docs", "metrics.md").read_text()
    sections = {}
    for section in re.split(r"^## ", page, flags=re.M)[1:]:
        rows = re.findall(r"^\| `(\w+)`(?: i)? \| [^|]* \| `?([^|`]+)`? \| (\w*) ?\| (.*) \|$", section, flags=re.M)
        sections[section.split("\n")[0]] = [row for row in rows if "JSON only" not in row[3] and "[]" not in row[1]]
    return sections


def follow(value, path):
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def same(found, wanted):
    """JSON's null is NaN, -1 (a boolean that does not apply) or no text."""
    if isinstance(found, (str, bytes)):
        return found == (wanted or "")
    if wanted is None:
        return math.isnan(found) or found == -1
    return float(found) == float(wanted)


def compare_metric(variable, keys, path, dimension, where):
    """`variable` without axes; `keys` is the JSON object that the path starts from."""
    if dimension == "hour":
        values = follow(keys, path)
        check(numpy.array_equal(variable.values[: len(values)], numpy.array(values, float), equal_nan=True), where)
    elif dimension:
        for coordinate in variable[dimension].values:
            wanted = follow(keys, [coordinate if key == "*" else key for key in path])
            check(same(variable.sel({dimension: coordinate}).item(), wanted), f"{where} {coordinate}")
    else:
        check(same(variable.item(), follow(keys, path)), where)


def compare_point(dataset, point):
    compared = 0
    tables = metric_table()
    objects = {"The run": ("", {"": point}), "Each workload": ("workload", point["by_workload"]),
               "Each pool": ("pool", point["by_pool"]),
               "Each API compared with (`compare.api`)": ("api", point["api"])}
    for title, (scope, entities) in objects.items():
        for name, path, dimension, _ in tables[title]:
            for entity, keys in entities.items():
                variable = dataset[name].sel({scope: entity}) if scope else dataset[name]
                compare_metric(variable, keys, path.split("."), dimension, f"{name} {entity}")
                compared += 1
    return compared


def test_xarray_by_coordinate(path, result):
    for engine in ("netcdf4", "h5netcdf"):
        with xarray.open_dataset(path, engine=engine, mask_and_scale=False) as dataset:
            check(dataset.attrs["title"] == "outsiders", "title")
            check(list(dataset["usd_per_mtok_total"].dims) == ["rate_per_s", "precision", "replicas"], "dims")
            for point in result["points"]:
                check(compare_point(dataset.sel(point["coordinates"]), point) > 300, "metrics compared")


def test_units_survive_decoding(path):
    with xarray.open_dataset(path) as dataset:
        check(dataset["ttft_p99_s"].dtype == numpy.float64, "seconds became a timedelta")
        check(dataset["ttft_p99_s"].attrs["units"] == "s", "units of ttft")
        check(dataset["usd_per_mtok_total"].attrs["units"] == "USD/Mtok", "units of cost")
        check("allocation_method" in dataset["usd_per_mtok_output"].attrs, "allocation_method")
        check(dataset["usd_per_mtok_total_ci95"].sel(bound="lower").isnull().all(), "intervals")
        check(dataset["feasible"].dtype == numpy.int8, "booleans")


def test_h5py(path, result):
    with h5py.File(path, "r") as file:
        wanted = [point["cost"]["usd_per_mtok_total"] for point in result["points"]]
        check(file["usd_per_mtok_total"][:].ravel().tolist() == wanted, "h5py values")
        check(file["usd_per_mtok_total"].dims[0].keys() == ["rate_per_s"], "h5py dimension scales")
        check(file["precision"].asstr()[:].tolist() == ["bf16", "fp8"], "h5py texts")
        check(file.attrs["scenario_text"] == SCENARIO + SWEEP, "scenario_text")
        check(int(file.attrs["seed"]) == 7, "seed")
        names = list(file)
        check(not any(name in names for name in ("run_wall_s", "run_engine")), "what depends on the machine")


def test_netcdf4(path, result):
    with netCDF4.Dataset(path) as file:
        check(file.Conventions.startswith("CF-"), "Conventions")
        check(len(file.dimensions["ledger_key"]) == 15, "ledger keys")
        first = result["points"][0]["cost"]["total_usd"]
        check(float(file["cost_total_usd"][0, 0, 0]) == first, "netCDF4 values")
        names = list(file.variables)
        check(names.index("requests_read") < names.index("run_saturated"), "order of creation")


def test_netcdf4_may_add_to_it(path):
    with netCDF4.Dataset(path, "a") as file:
        file.note = "read by someone else"


def test_ncdump(path):
    done = subprocess.run(["ncdump", path], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    check("string precision(precision)" in done.stdout, "ncdump: a text coordinate")
    check('usd_per_mtok_total:units = "USD/Mtok"' in done.stdout, "ncdump: units")


def test_one_run_is_a_file_too(folder, scenario):
    path = folder / "one.h5"
    tokenmill("run", scenario, "-o", path, "--quiet")
    result = json.loads(tokenmill("run", scenario, "--json", "--quiet"))
    with xarray.open_dataset(path, mask_and_scale=False) as dataset:
        check(compare_point(dataset, result) > 300, "metrics compared")


def test_bytes_do_not_depend_on_threads(folder, scenario, path):
    again = folder / "again.h5"
    tokenmill("sweep", scenario, "-o", again, "--jobs", 1, "--quiet")
    check(again.read_bytes() == path.read_bytes(), "bytes with one thread")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sweep = folder / "sweep.yaml"
        one = folder / "one.yaml"
        path = folder / "out.h5"
        sweep.write_text(SCENARIO + SWEEP)
        one.write_text(SCENARIO)
        result = json.loads(tokenmill("sweep", sweep, "-o", path, "--json", "--jobs", 3, "--quiet"))
        check(len(result["points"]) == 8, "points")
        test_bytes_do_not_depend_on_threads(folder, sweep, path)
        test_xarray_by_coordinate(path, result)
        test_units_survive_decoding(path)
        test_h5py(path, result)
        test_netcdf4(path, result)
        test_ncdump(path)
        test_one_run_is_a_file_too(folder, one)
        test_netcdf4_may_add_to_it(path)
    print("ok")


main()
