"""Fuzzes the reader of scenarios with libFuzzer, ASan and UBSan for some seconds, from the examples and the bad inputs."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).parent.parent.parent
SECONDS = int(os.environ.get("TOKENMILL_FUZZ_S", "20"))

PARTS = [
    "base/arena.c",
    "base/check.c",
    "base/diag.c",
    "base/fmath.c",
    "base/int128.c",
    "base/quantity.c",
    "base/text.c",
    "models/gpu.c",
    "models/llm.c",
    "models/precision.c",
    "scenarios/catalog_columns.c",
    "scenarios/schema*.c",
    "scenarios/sweep.c",
    "scenarios/view.c",
    "scenarios/yaml_*.c",
    "tests/fuzz/fuzz_scenario.c",
]


def main():
    clang = shutil.which("clang")
    if clang is None:
        print("skipped: no clang")
        sys.exit(77)
    sources = [str(path) for part in PARTS for path in sorted(SOURCE.glob(part))]
    with tempfile.TemporaryDirectory() as folder:
        binary = f"{folder}/fuzz"
        flags = ["-std=c17", "-D_GNU_SOURCE", "-g", "-O1", "-ffp-contract=off", "-fsanitize=fuzzer,address,undefined"]
        build = [clang, *flags, "-fno-sanitize-recover=all", f"-I{SOURCE}", *sources, "-lyaml", "-lm", "-o", binary]
        if subprocess.run(build).returncode != 0:
            sys.exit(1)
        seeds = pathlib.Path(folder, "seeds")
        seeds.mkdir()
        for path in [*SOURCE.glob("scenarios/examples/*.yaml"), *SOURCE.glob("tests/bad-input/*.yaml")]:
            shutil.copy(path, seeds / path.name)
        limits = [f"-max_total_time={SECONDS}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"]
        done = subprocess.run([binary, *limits, str(seeds)], cwd=folder, capture_output=True, text=True)
        print(done.stderr[-3000:])
        sys.exit(0 if done.returncode == 0 else 1)


main()
