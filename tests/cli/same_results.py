"""Same scenario, same seed: the same bytes for any number of threads, in any locale."""

import json
import os

from common import Case, environment, main, without_timing
from rich import RICH


class SameResults(Case):
    def outputs(self, tag, *arguments, env=None):
        """All that a sweep and a run of its last point give: bytes of files, JSON without timing."""
        made = {}
        done = self.run_program("sweep", "tiny.yaml", "--json", "-q", "-o", f"{tag}.h5", "--csv", f"{tag}.csv", *arguments,
                                env=env)
        made["json"] = without_timing(json.loads(done.stdout))
        self.run_program("run", "tiny.yaml", "--point", "5", "-q", "--requests", f"{tag}.requests.csv", env=env)
        for suffix in ("h5", "csv", "requests.csv"):
            path = self.dir / f"{tag}.{suffix}"
            made[suffix] = path.read_bytes()
            os.remove(path)
        return made

    def assert_same(self, a, b):
        for key in a:
            self.assertTrue(a[key] == b[key], f"{key} differs")

    def test_threads_change_nothing(self):
        self.scenario(RICH)
        one = self.outputs("one", "--jobs", "1")
        self.assert_same(one, self.outputs("two", "--jobs", "2"))
        self.assert_same(one, self.outputs("seven", "--jobs", "7"))

    def test_locale_and_folder_change_nothing(self):
        self.scenario(RICH)
        here = self.outputs("here")
        self.assert_same(here, self.outputs("german", env=environment(LC_ALL="de_DE.UTF-8", TZ="Asia/Tokyo")))

    def test_another_seed_changes_the_results(self):
        self.scenario()
        first = without_timing(self.json_of("run", "tiny.yaml"))
        second = without_timing(self.json_of("run", "tiny.yaml", "--seed", "8"))
        self.assertNotEqual(first["latency"], second["latency"])
        self.assertEqual(second["run"]["seed"], 8)


if __name__ == "__main__":
    main()
