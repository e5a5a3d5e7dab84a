"""Builds the program with gcc and clang at -O0 and -O3 and compares what the builds write, byte for byte.

    same_bytes.py [COMPILER-OPTIMISATION ...]      default: gcc-O0 gcc-O3 clang-O0 clang-O3

The first build is compared with all others, and with $TOKENMILL. A compiler that is not installed fails the test."""

import hashlib
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

from common import SOURCE, TOKENMILL, environment, without_timing
from rich import RICH

VARIANTS = ["gcc-O0", "gcc-O3", "clang-O0", "clang-O3"]
# glibc renamed its features in 2.33; it ignores names that it does not know.
NO_FMA = "glibc.cpu.hwcaps=-AVX2_Usable,-FMA_Usable,-AVX2,-FMA,-FMA4"


def build(variant, folder):
    compiler, level = variant.split("-O")
    target = folder / variant
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    subprocess.run(["meson", "setup", target, SOURCE, "--buildtype=plain", f"-Doptimization={level}", "-Dwerror=false", "-Db_lto=false",
                    "-Dslow_checks=disabled"], env=dict(os.environ, CC=compiler, CFLAGS=""), **quiet)
    subprocess.run(["ninja", "-C", target, "cli/tokenmill"], **quiet)
    return target / "cli" / "tokenmill"


def outputs(program, folder, env=None):
    """Everything that a sweep and a run write: {name: bytes}."""
    made = {}

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments), "-q", "--json"], cwd=folder, env=env or environment(),
                              check=True, stdout=subprocess.PIPE, timeout=600)
        return json.dumps(without_timing(json.loads(done.stdout))).encode()

    made["sweep.json"] = run("sweep", "sweep.yaml", "-o", "sweep.h5", "--csv", "sweep.csv")
    made["run.json"] = run("run", "sweep.yaml", "--point", "5", "-o", "run.h5", "--requests", "requests.csv")
    for name in ("sweep.h5", "sweep.csv", "run.h5", "requests.csv"):
        made[name] = (folder / name).read_bytes()
        (folder / name).unlink()
    return made


def libm_digest():
    return hashlib.md5(repr([math.exp(0.0137 * i) for i in range(20000)]).encode()).hexdigest()


def no_fma_is_real():
    """Whether libc really computes exp otherwise when told to do without FMA: the check is no check elsewhere."""
    probe = [sys.executable, "-c", "import same_bytes; print(same_bytes.libm_digest())"]
    done = subprocess.run(probe, cwd=pathlib.Path(__file__).parent, env=environment(GLIBC_TUNABLES=NO_FMA), check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.strip() != libm_digest()


def compare(reference, other, label):
    differing = [name for name in reference if reference[name] != other[name]]
    print(f"{label}: {'same' if not differing else 'DIFFERENT: ' + ', '.join(differing)}")
    return not differing


def main():
    variants = sys.argv[1:] or VARIANTS
    print("libc's exp differs without FMA:", "yes" if no_fma_is_real() else "NO: nothing is shown by that comparison")
    with tempfile.TemporaryDirectory(prefix="tokenmill-bytes-") as name:
        folder = pathlib.Path(name)
        (folder / "sweep.yaml").write_text(RICH)
        reference = outputs(TOKENMILL, folder)
        same = True
        for variant in variants:
            program = build(variant, folder)
            same = compare(reference, outputs(program, folder), variant) and same
            no_fma = outputs(program, folder, environment(GLIBC_TUNABLES=NO_FMA))
            same = compare(reference, no_fma, f"{variant} without FMA") and same
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
