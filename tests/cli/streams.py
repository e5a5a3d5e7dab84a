"""What goes where: results on stdout, the rest on stderr; colours; progress; what happens when stdout cannot be written."""

import json
import os
import subprocess

from common import Case, LONG, SWEEP, TINY, TOKENMILL, environment, main, run_in_terminal

RUN_KEYS = {
    "requests": {"read", "emitted", "completed", "unfinished", "rejected", "rejected_by_reason", "dropped",
                 "dropped_by_reason", "measured"},
    "tokens": {"input", "output", "recomputed"},
    "latency": {"ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"},
    "throughput": set(),
    "utilization": {"load_ratio", "busy_ratio", "mfu_ratio", "mbu_ratio", "kv_ratio"},
    "slo": set(),
    "power": set(),
    "energy": set(),
    "bill": set(),
    "cost": {"total_usd", "usd_per_hour", "usd_per_mtok_total", "usd_per_mtok_input", "usd_per_mtok_output",
             "usd_per_mtok_output_all_in", "usd_per_1k_requests", "ledger", "idle", "idle_share"},
    "by_workload": {"chat"},
    "by_pool": {"main"},
    "run": {"engine", "seed", "simulated_s", "drain_s", "wall_s", "cpu_s", "events", "saturated"},
}
LEDGER = ["hardware", "commitment_unused", "servers", "network_equipment", "storage", "maintenance", "spares",
          "electricity_energy", "electricity_demand", "facility", "egress", "staff", "software", "one_off", "carbon_price"]


class Streams(Case):
    def test_json_has_the_contracted_keys(self):
        self.scenario()
        result = self.json_of("run", "tiny.yaml")
        for key, inner in RUN_KEYS.items():
            self.assertIn(key, result)
            self.assertLessEqual(inner, set(result[key]), key)
        self.assertEqual(list(result["cost"]["ledger"]), LEDGER)
        self.assertEqual(set(result["cost"]["idle"]), {"unplaced_gpus", "empty", "headroom", "commitment"})
        for metric in result["latency"].values():
            self.assertLessEqual({"mean", "p50", "p90", "p95", "p99", "max", "undecided"}, set(metric))

    def test_json_of_a_sweep_has_all_points_in_order(self):
        self.scenario(TINY + SWEEP)
        result = self.json_of("sweep", "tiny.yaml")
        self.assertEqual(len(result["points"]), 8)
        self.assertEqual([point["by_pool"]["main"]["bill"]["replicas"] for point in result["points"]], [1, 2] * 4)

    def test_json_is_one_object_and_nothing_else(self):
        self.scenario()
        done = self.run_program("run", "tiny.yaml", "--json")
        json.loads(done.stdout)
        self.assertTrue(done.stdout.endswith("}\n"))

    def test_the_table_is_at_most_100_columns_of_ascii(self):
        self.scenario(TINY + SWEEP)
        for arguments in (["sweep", "tiny.yaml"], ["run", "--point", "3", "tiny.yaml"]):
            table = self.run_program(*arguments).stdout
            self.assertTrue(table.isascii())
            self.assertLessEqual(max(map(len, table.splitlines())), 100)

    def test_mistakes_go_to_stderr_without_colour_when_it_is_a_pipe(self):
        self.scenario(TINY + "nonsense: 1\n")
        done = self.run_program("check", "tiny.yaml", code=3)
        self.assertEqual(done.stdout, "")
        self.assertIn("unknown-key", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

    def test_mistakes_are_coloured_on_a_terminal_unless_no_color(self):
        self.scenario(TINY + "nonsense: 1\n")
        code, _, text = run_in_terminal(["check", "tiny.yaml"], self.dir)
        self.assertEqual(code, 3)
        self.assertIn("\x1b[", text)
        for env in (environment(TERM="xterm", NO_COLOR="1"), environment(TERM="dumb")):
            _, _, text = run_in_terminal(["check", "tiny.yaml"], self.dir, env=env)
            self.assertNotIn("\x1b", text)

    def test_quiet_says_nothing(self):
        self.scenario()
        self.assertEqual(self.run_program("run", "tiny.yaml", "-q", "-o", "r.h5").stderr, "")

    def test_engine_is_named(self):
        self.scenario()
        self.assertEqual(self.json_of("run", "tiny.yaml", "--stepwise")["run"]["engine"], "stepwise")


class Progress(Case):
    def test_progress_is_drawn_on_a_terminal_and_stops_with_the_run(self):
        self.scenario(LONG)
        code, out, text = run_in_terminal(["run", "tiny.yaml"], self.dir, until=b"h simulated",
                                          then=lambda process: process.send_signal(2))
        self.assertEqual((code, out), (130, ""))
        self.assertIn("h simulated", text)
        self.assertIn("\r" + " " * 78 + "\r", text)

    def test_progress_of_a_sweep_counts_points(self):
        self.scenario(LONG + SWEEP)
        code, _, text = run_in_terminal(["sweep", "tiny.yaml"], self.dir, until=b"/8 points",
                                        then=lambda process: process.send_signal(2))
        self.assertEqual(code, 130)
        self.assertIn("points/s", text)

    def test_no_progress_with_quiet(self):
        self.scenario(TINY + SWEEP)
        code, out, text = run_in_terminal(["sweep", "tiny.yaml", "--quiet"], self.dir)
        self.assertEqual((code, text), (0, ""))
        self.assertIn("tiny", out)


class BrokenStdout(Case):
    def test_a_full_disk_is_the_world(self):
        self.scenario()
        with open("/dev/full", "w") as full:
            done = self.run_program("run", "tiny.yaml", stdout=full, code=4)
        self.assertIn("cannot write to standard output", done.stderr)

    def test_a_reader_that_goes_away_is_no_news(self):
        self.scenario()
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([TOKENMILL, "run", "tiny.yaml"], cwd=self.dir, stdout=write_end, stderr=subprocess.PIPE,
                              text=True, timeout=60)
        os.close(write_end)
        self.assertEqual((done.returncode, done.stderr), (4, ""))

    def test_files_are_complete_when_stdout_is_not(self):
        self.scenario()
        with open("/dev/full", "w") as full:
            self.run_program("run", "tiny.yaml", "-o", "r.h5", stdout=full, code=4)
        self.assertGreater((self.dir / "r.h5").stat().st_size, 1000)


if __name__ == "__main__":
    main()
