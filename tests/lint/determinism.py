"""No libm transcendental, long double, rand(), wall clock or locale in the layers whose numbers reach a result (docs/semantics.md)."""

import re
import sys

from source_files import ROOT, report, source_files

FOLDERS = {"base", "models", "sim", "scenarios", "analysis", "study"}
TRANSCENDENTAL = "exp|exp2|expm1|log|log2|log10|log1p|pow|cbrt|hypot|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|erf|erfc|tgamma|lgamma"
FORBIDDEN = [
    (re.compile(rf"\b(?:{TRANSCENDENTAL})[fl]?\s*\("), "differs between machines; use base/fmath.h"),
    (re.compile(r"\blong\s+double\b"), "differs between machines"),
    (re.compile(r"\b(?:s?rand|random|drand48|rand_r)\s*\("), "is not keyed; use base/random.h"),
    (re.compile(r"\b(?:time|gettimeofday|localtime|gmtime|mktime)\s*\("), "is the wall clock or depends on the time zone"),
    (re.compile(r"\b(?:atof|strtod|strtof|strtold|setlocale)\s*\("), "depends on the locale; use base/text.h"),
]
COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def blank(match):
    """Comments and strings become blanks, so that lines keep their numbers."""
    return re.sub(r"[^\n]", " ", match.group(0))


def main():
    complaints = []
    for path in source_files(".c", ".h"):
        if path.parts[0] not in FOLDERS:
            continue
        code = COMMENT_OR_TEXT.sub(blank, (ROOT / path).read_text(encoding="utf-8"))
        for pattern, reason in FORBIDDEN:
            for match in pattern.finditer(code):
                line = code.count("\n", 0, match.start()) + 1
                complaints.append(f"{path}:{line}: '{match.group(0)}' {reason}")
    return report(complaints)


if __name__ == "__main__":
    sys.exit(main())
