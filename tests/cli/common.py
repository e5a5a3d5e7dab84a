"""What the command-line tests share: the program, small scenarios, runs in a terminal."""

import json
import os
import pathlib
import pty
import select
import subprocess
import tempfile
import time
import unittest

TOKENMILL = os.environ.get("TOKENMILL", "tokenmill")
SOURCE = pathlib.Path(os.environ.get("TOKENMILL_SOURCE", pathlib.Path(__file__).resolve().parents[2]))

TINY = """\
name: tiny
seed: 7
duration: 10min
workload:
  - name: chat
    arrivals: {process: poisson, rate: 2/s}
    input_tokens: {distribution: lognormal, mean: 300, p99: 1500}
    output_tokens: {distribution: geometric, mean: 60}
    slo: {ttft_p99: 2s, tpot_p99: 100ms}
fleet:
  - name: main
    gpu: H100-SXM
    model: Llama-3.1-8B
    replicas: 1
"""

SWEEP = """\
sweep:
  workload.chat.arrivals.rate: [1/s, 2/s, 4/s, 8/s]
  fleet.main.replicas: [1, 2]
"""

# Hours of simulated work: long enough to be interrupted on any machine.
LONG = TINY.replace("10min", "400d").replace("rate: 2/s", "rate: 20/s")


def environment(**changes):
    env = dict(os.environ, **changes)
    if "NO_COLOR" not in changes:
        env.pop("NO_COLOR", None)
    return env


def without_timing(value):
    """A JSON value without what may differ between equal runs: run{engine, wall_s, cpu_s}."""
    if isinstance(value, list):
        return [without_timing(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without_timing(item) for key, item in value.items()}
    if isinstance(kept.get("run"), dict):
        for key in ("engine", "wall_s", "cpu_s"):
            kept["run"].pop(key, None)
    return kept


class Case(unittest.TestCase):
    """Each test has a folder of its own, `self.dir`, which is the current one of the program too."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tokenmill-test-")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def scenario(self, text=TINY, name="tiny.yaml"):
        path = self.dir / name
        path.write_text(text)
        return path

    def run_program(self, *arguments, code=0, env=None, **options):
        done = subprocess.run([TOKENMILL, *map(str, arguments)], cwd=self.dir, env=env or environment(), text=True,
                              stdout=options.pop("stdout", subprocess.PIPE),
                              stderr=options.pop("stderr", subprocess.PIPE), timeout=300, **options)
        self.assertEqual(done.returncode, code, f"{arguments}\nstdout: {done.stdout}\nstderr: {done.stderr}")
        return done

    def json_of(self, *arguments, **options):
        return json.loads(self.run_program(*arguments, "--json", **options).stdout)

    def names(self):
        return sorted(path.name for path in self.dir.iterdir())


def run_in_terminal(arguments, cwd, env=None, until=None, then=None, timeout_s=120):
    """Runs the program with stderr on a terminal of its own. Calls then(process) once `until` was seen there. Returns the exit
    code, stdout and what the terminal got."""
    master, slave = pty.openpty()
    process = subprocess.Popen([TOKENMILL, *map(str, arguments)], cwd=cwd, env=env or environment(TERM="xterm"),
                               stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.1)
        if ready:
            try:
                chunk = os.read(master, 4096)
            except OSError:
                chunk = b""
            if not chunk:
                break
            seen += chunk
        if then is not None and until in seen:
            then(process)
            then = None
    else:
        process.kill()
    out = process.stdout.read()
    process.stdout.close()
    os.close(master)
    return process.wait(), out.decode(), seen.decode()


def main():
    unittest.main(verbosity=2)
