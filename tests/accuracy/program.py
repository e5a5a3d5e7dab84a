"""Runs $TOKENMILL (by default `tokenmill`, from PATH) on a scenario that is a dictionary."""

import csv
import json
import os
import pathlib
import subprocess
import tempfile


class ProgramError(Exception):
    """tokenmill could not be run, or failed; its messages."""


def run(scenario, files=None):
    """Simulates; returns the JSON result and one dictionary a request. `files`: text by name, beside the scenario."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        for name, text in (files or {}).items():
            (place / name).write_text(text, encoding="utf-8")
        (place / "scenario.yaml").write_text(json.dumps(scenario), encoding="utf-8")
        program = os.environ.get("TOKENMILL", "tokenmill")
        command = [program, "run", "scenario.yaml", "--quiet", "--json", "--jobs", "1", "--requests", "requests.csv"]
        try:
            done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        except OSError as cause:
            raise ProgramError(f"{program}: {cause.strerror}") from cause
        if done.returncode != 0:
            raise ProgramError(f"{scenario['name']}: status {done.returncode}\n{done.stderr}")
        with open(place / "requests.csv", newline="", encoding="utf-8") as file:
            return json.loads(done.stdout), list(csv.DictReader(file))
