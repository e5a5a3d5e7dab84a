"""Installs into a folder of its own, then builds docs/example.c against what is there, as a stranger would."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from common import SOURCE, TINY, TOKENMILL  # noqa: E402

BUILD = pathlib.Path(TOKENMILL).resolve().parents[1]


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="tokenmill-install-")
        cls.dir = pathlib.Path(cls.folder.name)
        cls.root = cls.dir / "root"
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.root], check=True,
                       stdout=subprocess.DEVNULL)
        cls.pkgconfig = next(cls.root.rglob("tokenmill.pc")).parent
        cls.library = next(cls.root.rglob("libtokenmill.so"))
        cls.env = dict(os.environ, PKG_CONFIG_PATH=str(cls.pkgconfig), PKG_CONFIG_SYSROOT_DIR=str(cls.root),
                       LD_LIBRARY_PATH=str(cls.library.parent))
        (cls.dir / "tiny.yaml").write_text(TINY)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def output(self, *command):
        return subprocess.run(list(map(str, command)), cwd=self.dir, env=self.env, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def test_one_header_is_installed(self):
        self.assertEqual([path.name for path in self.root.rglob("*.h")], ["tokenmill.h"])

    def test_nothing_but_the_api_is_exported(self):
        names = re.findall(r" [TDBRV] (\w+)", self.output("nm", "-D", "--defined-only", self.library))
        self.assertIn("tmill_run", names)
        self.assertEqual([name for name in names if not name.startswith("tmill_")], [])

    def test_the_program_runs_installed(self):
        program = next(self.root.rglob("bin/tokenmill"))
        self.assertIn("tiny", self.output(program, "run", "tiny.yaml"))

    def test_the_example_builds_and_runs(self):
        flags = self.output("pkg-config", "--cflags", "--libs", "tokenmill").split()
        for compiler in ("cc", "clang"):
            if shutil.which(compiler) is None:
                continue
            self.output(compiler, "-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", SOURCE / "docs" / "example.c",
                        *flags, "-o", "example")
            self.assertRegex(self.output("./example", "tiny.yaml"), r"^tiny: \d+\.\d+ USD per million tokens at load 0\.\d+")

    def test_the_header_is_cpp_too(self):
        if shutil.which("c++") is None:
            self.skipTest("no C++ compiler")
        flags = self.output("pkg-config", "--cflags", "tokenmill").split()
        (self.dir / "x.cpp").write_text("#include <tokenmill.h>\nint main() { return tmill_version() == nullptr; }\n")
        self.output("c++", "-Wall", "-Werror", "-fsyntax-only", "x.cpp", *flags)


if __name__ == "__main__":
    unittest.main(verbosity=2)
