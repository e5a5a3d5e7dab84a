"""Every example of scenarios/examples runs: two simulated minutes of each point; and it is what the JSON Schema accepts."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import jsonschema
import yaml

SOURCE = pathlib.Path(__file__).parent.parent.parent
TOKENMILL = os.environ["TOKENMILL"]


def run(path, folder):
    text = path.read_text()
    is_sweep = any(line.startswith("sweep:") for line in text.splitlines())
    command = [TOKENMILL, "sweep" if is_sweep else "run", str(path), "--set", "duration=2min", "--set", "warmup=0"]
    done = subprocess.run(command + ["-o", f"{folder}/{path.stem}.h5"], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{path.name}: exit code {done.returncode}\n{done.stderr}")
    return done.returncode == 0


def valid(path, schema):
    problems = list(jsonschema.Draft202012Validator(schema).iter_errors(yaml.safe_load(path.read_text())))
    for problem in problems:
        print(f"{path.name}: {problem.json_path}: {problem.message}")
    return not problems


def main():
    paths = sorted((SOURCE / "scenarios" / "examples").glob("*.yaml"))
    schema = json.loads(subprocess.run([TOKENMILL, "schema"], capture_output=True, text=True, check=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    with tempfile.TemporaryDirectory() as folder:
        results = [valid(path, schema) and run(path, folder) for path in paths]
    print(f"{sum(results)} of {len(paths)} examples run")
    sys.exit(0 if paths and all(results) else 1)


main()
