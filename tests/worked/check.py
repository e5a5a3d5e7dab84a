"""The numbers of docs/worked-examples.md against the program. Nothing is computed here: the expected values are the last column of
the document's tables, in rows whose first column is a key of `--json` in backticks; a heading names the scenario of the rows below."""

import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TOKENMILL = os.environ["TOKENMILL"]
DOCUMENT = SOURCE / "docs" / "worked-examples.md"
TOLERANCE = 0.01
EXAMPLES = 3
ROWS_MIN = 40  # of each example, so that a table that no longer reads is noticed

HEADING = re.compile(r"## .*`(scenarios/examples/[a-z-]+\.yaml)`")
ROW = re.compile(r"\| `([^`]+)` \|.*\| *([^|]*?) *\|")
WORDS = {"true": True, "false": False}


def examples(text):
    """Scenario -> list of (key, value on paper)."""
    found = {}
    rows = None
    for line in text.splitlines():
        if line.startswith("## "):
            heading = HEADING.fullmatch(line)
            rows = found.setdefault(heading[1], []) if heading else None
        row = ROW.fullmatch(line)
        if row and rows is not None:
            rows.append((row[1], WORDS[row[2]] if row[2] in WORDS else float(row[2])))
    return found


def value_at(result, key):
    for part in key.split("."):
        result = result[part]
    return result


def difference(paper, program):
    """Relative to the program's; infinite where the kinds differ, or only one of them is 0."""
    if isinstance(paper, bool) or isinstance(program, bool) or program is None:
        return 0.0 if paper is program else float("inf")
    if program == 0:
        return 0.0 if paper == 0 else float("inf")
    return abs(paper / program - 1)


def check(scenario, rows):
    done = subprocess.run([TOKENMILL, "run", "--json", str(SOURCE / scenario)], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{scenario}: exit code {done.returncode}\n{done.stderr}")
        return False
    result = json.loads(done.stdout)
    print(f"{scenario}: {len(rows)} rows")
    worst = 0.0
    for key, paper in rows:
        program = value_at(result, key)
        differs = difference(paper, program)
        worst = max(worst, differs)
        print(f"  {'ok ' if differs <= TOLERANCE else 'BAD'} {key:50} paper {paper!s:>12}  program {program!s:>22}  {differs:8.4%}")
    print(f"{scenario}: greatest difference {worst:.4%}")
    return worst <= TOLERANCE and len(rows) >= ROWS_MIN


def main():
    found = examples(DOCUMENT.read_text())
    good = [check(scenario, rows) for scenario, rows in found.items()]
    sys.exit(0 if len(good) == EXAMPLES and all(good) else 1)


main()
