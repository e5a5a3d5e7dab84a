"""Files: written whole or not at all, never over the scenario, looked at before anything is simulated."""

import csv
import resource
import signal
import subprocess
import time

from common import Case, LONG, SWEEP, TINY, TOKENMILL, main


class Outputs(Case):
    def test_run_writes_all_it_is_asked_for_and_nothing_else(self):
        self.scenario()
        done = self.run_program("run", "tiny.yaml", "-o", "r.h5", "--csv", "r.csv", "--requests", "q.csv")
        self.assertEqual(self.names(), ["q.csv", "r.csv", "r.h5", "tiny.yaml"])
        self.assertEqual((self.dir / "r.h5").read_bytes()[:8], b"\x89HDF\r\n\x1a\n")
        for name in ("r.h5", "r.csv", "q.csv"):
            self.assertIn(f"wrote {name}", done.stderr)

    def test_a_sweep_has_a_row_a_point(self):
        self.scenario(TINY + SWEEP)
        self.run_program("sweep", "tiny.yaml", "--csv", "r.csv")
        with open(self.dir / "r.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 8)
        self.assertTrue(all(float(row["usd_per_mtok_total"]) > 0 for row in rows))

    def test_requests_are_as_many_as_were_emitted(self):
        self.scenario()
        result = self.json_of("run", "tiny.yaml", "--requests", "q.csv")
        with open(self.dir / "q.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), result["requests"]["emitted"])
        self.assertEqual(sum(row["status"] == "completed" for row in rows), result["requests"]["completed"])

    def test_one_point_of_a_sweep_is_that_point(self):
        self.scenario(TINY + SWEEP)
        points = self.json_of("sweep", "tiny.yaml")["points"]
        one = self.json_of("run", "tiny.yaml", "--point", "5", "-o", "r.h5")
        self.assertEqual(one["cost"], points[5]["cost"])
        self.assertEqual(one["requests"], points[5]["requests"])

    def test_an_existing_file_is_replaced_by_a_run_that_works(self):
        self.scenario()
        (self.dir / "r.csv").write_text("old")
        self.run_program("run", "tiny.yaml", "--csv", "r.csv")
        self.assertNotEqual((self.dir / "r.csv").read_text(), "old")

    def test_an_existing_file_is_untouched_by_a_run_that_fails(self):
        self.scenario(TINY + "nonsense: 1\n")
        (self.dir / "r.h5").write_text("old")
        self.run_program("run", "tiny.yaml", "-o", "r.h5", code=3)
        self.assertEqual((self.dir / "r.h5").read_text(), "old")

    def test_the_scenario_is_never_overwritten(self):
        path = self.scenario()
        for option in ("-o", "--csv", "--requests"):
            for spelling in ("tiny.yaml", "./tiny.yaml", str(path)):
                self.assertIn("would overwrite it", self.run_program("run", "tiny.yaml", option, spelling, code=2).stderr)
        self.assertEqual(path.read_text(), TINY)

    def test_two_outputs_are_two_files(self):
        self.scenario()
        done = self.run_program("run", "tiny.yaml", "--csv", "r.csv", "--requests", "r.csv", code=2)
        self.assertIn("two outputs", done.stderr)

    def test_an_output_that_cannot_be_written_is_found_before_the_run(self):
        self.scenario(LONG)
        (self.dir / "folder").mkdir()
        (self.dir / "file").write_text("")
        for path in ("nowhere/r.h5", "folder", "file/r.h5", "/dev/null", "/proc/r.h5"):
            begun = time.monotonic()
            done = self.run_program("run", "tiny.yaml", "-o", path, code=4)
            self.assertIn(f"cannot write '{path}'", done.stderr)
            self.assertLess(time.monotonic() - begun, 5)


    def test_a_file_at_its_size_limit_is_the_world_and_leaves_nothing(self):
        self.scenario()
        (self.dir / "r.h5").write_text("old")
        done = self.run_program("run", "tiny.yaml", "-o", "r.h5", code=4,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))
        self.assertIn("r.h5", done.stderr)
        self.assertEqual((self.names(), (self.dir / "r.h5").read_text()), (["r.h5", "tiny.yaml"], "old"))


class Strict(Case):
    SATURATED = TINY.replace("rate: 2/s", "rate: 500/s").replace("10min", "1min")

    def test_saturation_is_no_failure_by_itself(self):
        self.scenario(self.SATURATED)
        self.assertTrue(self.json_of("run", "tiny.yaml")["run"]["saturated"])

    def test_a_run_of_rejections_says_so(self):
        text = """name: r
requests: 20
warmup: 1s
workload: [{name: e, arrivals: {process: closed-loop, clients: 4}, input_tokens: 30000, output_tokens: 1}]
fleet: [{name: m, gpu: L4, model: Llama-3.1-8B, max_model_len: 2000, precision: fp8}]
"""
        (self.dir / "rejected.yaml").write_text(text)
        done = self.run_program("run", "rejected.yaml")
        self.assertIn("nothing was measured: all 4 requests were rejected", done.stdout)
        self.assertIn("unknown: no time was measured", done.stdout)

    def test_strict_exits_5_and_says_why_and_still_writes(self):
        self.scenario(self.SATURATED)
        done = self.run_program("run", "tiny.yaml", "--strict", "-o", "r.h5", code=5)
        self.assertIn("point 0 is not feasible", done.stderr)
        self.assertTrue((self.dir / "r.h5").exists())

    def test_strict_is_silent_when_all_is_well(self):
        self.scenario()
        self.run_program("run", "tiny.yaml", "--strict")


class Interrupt(Case):
    def interrupted(self, number, *arguments):
        process = subprocess.Popen([TOKENMILL, *arguments], cwd=self.dir, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        process.send_signal(number)
        begun = time.monotonic()
        out, err = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(out, "")
        self.assertIn("interrupted", err)
        return process.returncode

    def test_an_interrupt_leaves_nothing_behind(self):
        self.scenario(LONG)
        code = self.interrupted(signal.SIGINT, "run", "tiny.yaml", "-o", "r.h5", "--csv", "r.csv", "--requests", "q.csv")
        self.assertEqual((code, self.names()), (130, ["tiny.yaml"]))

    def test_an_interrupted_sweep_leaves_an_older_file_alone(self):
        self.scenario(LONG + SWEEP)
        (self.dir / "r.h5").write_text("old")
        code = self.interrupted(signal.SIGINT, "sweep", "tiny.yaml", "-o", "r.h5", "--jobs", "2")
        self.assertEqual((code, self.names()), (130, ["r.h5", "tiny.yaml"]))
        self.assertEqual((self.dir / "r.h5").read_text(), "old")

    def test_termination_is_as_clean(self):
        self.scenario(LONG)
        code = self.interrupted(signal.SIGTERM, "run", "tiny.yaml", "--requests", "q.csv")
        self.assertEqual((code, self.names()), (143, ["tiny.yaml"]))


if __name__ == "__main__":
    main()
