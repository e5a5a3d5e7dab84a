"""Does the differential test see what it is there to see? Each guard of the leap (mutant_list.py) is broken in turn.

    mutants.py SOURCE LIBRARY... [--only WORD] [--jobs N] -- COMPILER...

A mutant is one replacement in one file of a copy of sim/leap. It is caught when a scenario comes out otherwise than stepwise, when the
program aborts (a CHECK), or when it does not end. Exit 0: all are caught. A survivor means that the generator of scenarios is too weak, or
that the guard is none: then it belongs to HARMLESS in the list, with the reason, and is only looked up.
An old text that is not in its file exactly once fails at once: the list follows the code."""

import argparse
import concurrent.futures
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from mutant_list import HARMLESS, MUTANTS

SCENARIOS = 10000
PATIENCE = 10  # times as long as without a mutant
UNBROKEN_TIMEOUT_S = 600
MEMORY_BYTE = 4 << 30
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-ffp-contract=off", "-fno-math-errno", "-O1", "-w"]
TEST_SOURCES = ["compare.c", "differential.c", "scenario.c", "timelines.c"]


def stale(source):
    """What of the list does not fit the code."""
    problems = []
    for mutant in MUTANTS + HARMLESS:
        path = source / mutant.file
        text = path.read_text() if path.exists() else ""
        if text.count(mutant.old) != 1:
            problems.append(f"{mutant.name}: {mutant.file} has this {text.count(mutant.old)} times, not once:\n{mutant.old}")
    names = [mutant.name for mutant in MUTANTS + HARMLESS]
    problems += [f"{name}: two of that name" for name in set(names) if names.count(name) > 1]
    return problems


class Builder:
    """Compiles the leap and the test once, and each mutant's files again."""

    def __init__(self, source, libraries, compiler, folder):
        self.source = source
        self.libraries = libraries
        self.compiler = compiler
        self.folder = folder
        self.leap = sorted(str(path.relative_to(source)) for path in (source / "sim" / "leap").glob("*.c"))
        self.common = [self.compile(source / "tests" / "differential" / name, [source], folder) for name in TEST_SOURCES]
        self.objects = {name: self.compile(source / name, [source], folder) for name in self.leap}

    def compile(self, path, roots, folder):
        target = folder / (path.parent.name + "-" + path.stem + ".o")
        includes = [f"-I{root}" for root in roots]
        subprocess.run([*self.compiler, *FLAGS, *includes, "-c", path, "-o", target], check=True)
        return target

    def program(self, mutant):
        """The test's program with this mutant in it."""
        folder = self.folder / mutant.name.replace(" ", "-").replace("/", "-")
        changed = folder / mutant.file
        changed.parent.mkdir(parents=True)
        changed.write_text((self.source / mutant.file).read_text().replace(mutant.old, mutant.new))
        roots = [folder, self.source]
        objects = dict(self.objects)
        for name in [mutant.file] if mutant.file.endswith(".c") else self.leap:
            path = changed if name == mutant.file else self.source / name
            objects[name] = self.compile(path, roots, folder)
        return self.link(folder, [*objects.values()])

    def link(self, folder, objects):
        target = folder / "differential"
        subprocess.run([*self.compiler, "-o", target, *self.common, *objects, *self.libraries, "-lm"], check=True)
        return target


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTE, MEMORY_BYTE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def play(program, timeout_s):
    """How the program ended: "" if all scenarios are equal."""
    try:
        done = subprocess.run([program, "--brief", str(SCENARIOS)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=timeout_s, preexec_fn=limits, check=False)
    except subprocess.TimeoutExpired:
        return f"does not end within {timeout_s:.0f} s"
    text = done.stdout.strip().splitlines()
    return "" if done.returncode == 0 else (text[-1] if text else f"ended with status {done.returncode}")


def try_mutant(builder, mutant, timeout_s):
    program = builder.program(mutant)
    outcome = play(program, timeout_s)
    shutil.rmtree(program.parent)
    return outcome


def hunt(builder, mutants, jobs, timeout_s):
    """Plays all; returns how many survive."""
    survivors = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        outcomes = pool.map(lambda mutant: try_mutant(builder, mutant, timeout_s), mutants)
        for mutant, outcome in zip(mutants, outcomes):
            survivors += not outcome
            print(f"{mutant.name}: {outcome[:140] or 'SURVIVES ' + str(SCENARIOS) + ' scenarios'}", flush=True)
    return survivors


def main():
    split = sys.argv.index("--")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("libraries", nargs="+")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args(sys.argv[1:split])
    problems = stale(options.source)
    if problems:
        print("\n".join(problems))
        return 1
    mutants = [mutant for mutant in MUTANTS if options.only in mutant.name]
    with tempfile.TemporaryDirectory(prefix="tokenmill-mutants-") as name:
        builder = Builder(options.source, options.libraries, sys.argv[split + 1:], pathlib.Path(name))
        start_s = time.monotonic()
        unbroken = play(builder.link(builder.folder, builder.objects.values()), UNBROKEN_TIMEOUT_S)
        if unbroken:
            print(f"without any mutant: {unbroken}")
            return 1
        timeout_s = PATIENCE * (time.monotonic() - start_s)
        survivors = hunt(builder, mutants, options.jobs, timeout_s)
    print(f"{len(mutants)} mutants, {survivors} survive; {len(HARMLESS)} known to be harmless")
    return 0 if mutants and survivors == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
