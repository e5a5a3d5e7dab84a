"""ziggurat.py OUTPUT: the layers of base/ziggurat.h, worked out to 40 digits and rounded once."""

import decimal
import pathlib
import sys
from decimal import Decimal

decimal.getcontext().prec = 40
LAYERS = 256
PI = Decimal("3.141592653589793238462643383279502884197169")


class Exponential:
    name = "exponential"
    bracket = Decimal("7.6"), Decimal("7.8")

    @staticmethod
    def density(x):
        return (-x).exp()

    @staticmethod
    def inverse(y):
        return -y.ln()

    @staticmethod
    def tail(x):
        return (-x).exp()


class Normal:
    name = "normal"
    bracket = Decimal("3.6"), Decimal("3.7")

    @staticmethod
    def density(x):
        return (-x * x / 2).exp()

    @staticmethod
    def inverse(y):
        return (-2 * y.ln()).sqrt()

    @staticmethod
    def tail(x):
        """The half line less the series f(x) (x + x^3 / 3 + x^5 / (3 5) + ...)."""
        term, total, odd = x, x, 3
        while term > Decimal("1e-45"):
            term *= x * x / odd
            total += term
            odd += 2
        return (PI / 2).sqrt() - Normal.density(x) * total


def edges_of(law, last):
    """x[0] > x[1] = last > ... > x[255] of equal areas, and what the density would be at x[256]: 1 if `last` is right."""
    area = last * law.density(last) + law.tail(last)
    edges = [area / law.density(last), last]
    top = law.density(last) + area / last
    while len(edges) < LAYERS:
        if top >= 1:
            return edges, Decimal(2)
        edges.append(law.inverse(top))
        top = law.density(edges[-1]) + area / edges[-1]
    return edges, top


def solve(law):
    low, high = law.bracket
    while high - low > Decimal("1e-25"):
        middle = (low + high) / 2
        if edges_of(law, middle)[1] > 1:
            low = middle
        else:
            high = middle
    return edges_of(law, high)[0] + [Decimal(0)]


def rows(law):
    edges = solve(law)
    for outer, inner in zip(edges, edges[1:]):
        values = outer / 2**52, inner, law.density(outer), law.density(inner)
        yield "    {" + ", ".join(float(value).hex() for value in values) + "},\n"


def main():
    text = '#include "base/ziggurat.h"\n'
    for law in (Exponential, Normal):
        text += f"\nconst struct ziggurat_layer ziggurat_{law.name}[ZIGGURAT_LAYERS] = {{\n"
        text += "".join(rows(law)) + "};\n"
    pathlib.Path(sys.argv[1]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
