"""tokenmill calibrate: a profile from measured rows, read back by scenarios; few rows, hold-out, mistakes, the shared measurements."""

import csv
import json
import os
import pathlib
import unittest

from common import Case, SOURCE, main

HEADER = ("row_id,source,model,gpu,num_gpus,tp,precision,engine,isl,osl,concurrency_or_qps,load_kind,num_requests,"
          "ttft_ms_mean,tpot_ms_mean\n")
PROFILE_SET = ("--set", "fleet.main.step_time.model=profile")
CHANGED = "name,scope,value\nc0,vllm,0.0015\nSe,vllm,1.25\nSpf,vllm,1.2\n"
SERVERS = [("Qwen3-0.6B", 1), ("Llama-3.1-8B", 1), ("Llama-3.1-70B", 4)]
CLIENTS = (1, 4, 16, 64)
SHARED = pathlib.Path(os.environ.get("TOKENMILL_SHARED") or SOURCE.parent / "shared") / "measured"


def text_of(latencies=None, servers=SERVERS):
    text = HEADER
    for model, gpus in servers:
        for isl in (200, 600, 1200):
            for clients in CLIENTS:
                row_id = f"{model}-{isl}-{clients}"
                ttft, tpot = (latencies or {}).get(row_id, (1, 1))
                text += (f"{row_id},lab,{model},H100-SXM,{gpus},{gpus},bf16,vllm,{isl},64,{clients},concurrency,"
                         f"{4 * clients},{ttft!r},{tpot!r}\n")
    return text


class Calibrate(Case):
    def write(self, text, name):
        (self.dir / name).write_text(text)
        return name

    def predictions(self, name, profile):
        """By row: what a scenario with this profile predicts, TTFT and TPOT in ms."""
        self.run_program("validate", name, *PROFILE_SET, "--set", f"fleet.main.step_time.profile={self.dir / profile}",
                         "--csv", "out.csv", "--quiet")
        found = {}
        with open(self.dir / "out.csv", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["row_id"], {})[row["metric"]] = 1000 * float(row["predicted"])
        return {key: (value["ttft"], value["tpot"]) for key, value in found.items()}

    def measured(self, name="m.csv", servers=SERVERS):
        """Rows of a server that is slower than the shipped profile says."""
        self.write(CHANGED, "changed.csv")
        self.write(text_of(servers=servers), name)
        self.write(text_of(self.predictions(name, "changed.csv"), servers), name)
        return name

    def test_a_scenario_with_the_written_profile_gives_the_rows_again(self):
        name = self.measured()
        table = self.run_program("calibrate", name, "-o", "p.csv", "--quiet").stdout
        self.assertIn("36 rows, 36 fitted", table)
        self.assertLessEqual(max(map(len, table.splitlines())), 100)
        with open(self.dir / "p.csv", newline="") as file:
            values = list(csv.DictReader(file))
        self.assertEqual(list(values[0]), "name,scope,value,unit,lower,upper,prior,prior_sd_log,source".split(","))
        for value in values:
            self.assertTrue(0 < float(value["lower"]) < float(value["value"]) < float(value["upper"]), value)
            self.assertRegex(value["source"], r"^tokenmill calibrate: \d+ of 36 fitted rows of m\.csv; base shipped$")
        true, again = self.predictions(name, "changed.csv"), self.predictions(name, "p.csv")
        for row_id, (ttft, tpot) in again.items():
            self.assertAlmostEqual(tpot / true[row_id][1], 1, delta=0.03, msg=row_id)
            self.assertAlmostEqual(ttft / true[row_id][0], 1, delta=0.2, msg=row_id)
        # Clients of one length march in step: with a step a little longer, prompts of a row may wait for another one.
        far = [row_id for row_id in again if abs(again[row_id][0] / true[row_id][0] - 1) > 0.06]
        self.assertLessEqual(len(far), 2, far)
        result = self.json_of("calibrate", name, "--base", "p.csv")
        self.assertEqual(result["base"], "p.csv")
        base = next(item for item in result["errors"]["base"]["classes"] if item["metric"] == "tpot")
        self.assertLess(base["errors"]["median_abs_error"], 0.02)

    def test_few_rows_move_two_values(self):
        name = self.measured(servers=SERVERS[:1])
        lines = (self.dir / name).read_text().splitlines(keepends=True)
        self.write("".join(lines[:6]), name)
        result = self.json_of("calibrate", name)
        self.assertEqual(result["rows"]["fitted"], 5)
        self.assertEqual([(item["term"], item["scope"]) for item in result["parameters"]],
                         [("c0", "vllm"), ("Sx", "vllm|Hopper|16")])
        self.write("".join(lines[:13]), name)
        terms = {item["term"] for item in self.json_of("calibrate", name)["parameters"]}
        self.assertIn("cs", terms)
        self.assertNotIn("Se", terms)

    def test_hold_out(self):
        name = self.measured()
        result = self.json_of("calibrate", name, "--hold-out", "Llama-3.1-70B|*")
        self.assertEqual((result["rows"]["fitted"], result["rows"]["held_out"]), (24, 12))
        held = [item for item in result["errors"]["held_out"]["cells"] if item["metric"] == "tpot"]
        self.assertEqual([item["model"] for item in held], ["Llama-3.1-70B"])
        base = [item for item in result["errors"]["base"]["cells"] if item["metric"] == "tpot"]
        self.assertNotIn("Llama-3.1-70B", [item["model"] for item in base])
        self.assertLess(held[0]["errors"]["median_abs_error"], 0.1)
        self.assertEqual(len(result["errors"]["group_left_out"]["cells"]), 6)  # two models by TPOT, TTFT and E2E
        done = self.run_program("calibrate", name, "--hold-out", "nothing", code=3)
        self.assertIn("matches no row", done.stderr)
        self.assertIn("36 are held out", self.run_program("calibrate", name, "--hold-out", "*", code=3).stderr)

    def test_jobs_change_nothing(self):
        name = self.measured(servers=SERVERS[:2])
        made = set()
        for jobs in ("1", "3"):
            table = self.run_program("calibrate", name, "--jobs", jobs, "-o", "p.csv").stdout
            made.add(table + (self.dir / "p.csv").read_text())
        self.assertEqual(len(made), 1)

    def test_mistakes_leave_the_old_profile(self):
        self.write("old\n", "p.csv")
        name = self.write("row_id,model\n", "bad.csv")
        done = self.run_program("calibrate", name, "-o", "p.csv", code=3)
        self.assertIn("column 'gpu' is missing [measured-header]", done.stderr)
        done = self.run_program("calibrate", self.write(text_of(servers=[("Secret-7B", 1)]), "s.csv"), "-o", "p.csv", code=3)
        self.assertIn("has no row to fit: of 12, 0 are held out, 12 cannot be rebuilt", done.stderr)
        self.write("name,scope,value\nspeed,vllm,2\nc0,vllm,-1\n", "base.csv")
        done = self.run_program("calibrate", self.write(text_of(), "m.csv"), "--base", "base.csv", "-o", "p.csv", code=3)
        self.assertIn("'speed' is no term of a profile", done.stderr)
        self.assertIn("base.csv:3:", done.stderr)
        self.run_program("calibrate", "m.csv", "--base", "none.csv", "-o", "p.csv", code=4)
        self.run_program("calibrate", "none.csv", "-o", "p.csv", code=4)
        self.run_program("calibrate", "m.csv", "-o", "none/p.csv", code=4)
        self.run_program("calibrate", "m.csv", "-o", "m.csv", code=2)
        self.run_program("calibrate", "base.csv", "--base", "base.csv", "-o", "base.csv", code=2)
        self.run_program("calibrate", "m.csv", "--base", "base.csv", "-o", "base.csv", code=2)
        requests = self.write("model,gpu,queued_s,isl,osl,ttft_ms,e2e_ms\nLlama-3.1-8B,L4,0,10,10,1,2\n", "r.csv")
        self.assertIn("one row a request", self.run_program("calibrate", requests, code=3).stderr)
        self.assertEqual((self.dir / "p.csv").read_text(), "old\n")
        self.assertEqual(sorted(path.name for path in self.dir.iterdir() if "p.csv" in path.name), ["p.csv"])

    def bench(self, **changes):
        run = {"backend": "vllm", "model_id": "meta-llama/Llama-3.1-8B", "num_prompts": 64, "request_rate": "inf",
               "max_concurrency": 8, "duration": 30.1, "completed": 64, "total_input_tokens": 64 * 500,
               "total_output_tokens": 64 * 100, "output_throughput": 600.0, "mean_ttft_ms": 60.0, "median_ttft_ms": 50.0,
               "mean_tpot_ms": 9.0, "median_tpot_ms": 8.9, "mean_itl_ms": 9.0}
        return dict(run, **changes)

    def test_what_vllm_bench_serve_saved(self):
        runs = [self.bench(max_concurrency=n, mean_tpot_ms=8.5 + n / 20) for n in (1, 4, 8, 16, 32)]
        self.write("\n".join(map(json.dumps, runs)), "bench.json")
        result = self.json_of("calibrate", "bench.json", "--gpu", "H100-SXM", "--precision", "bf16", "-o", "p.csv")
        self.assertEqual((result["rows"]["read"], result["rows"]["fitted"]), (5, 5))
        self.assertEqual([item["term"] for item in result["parameters"]], ["c0", "Sx"])
        same = HEADER.replace("isl,osl", "isl_mean_actual,osl_mean_actual") + "".join(
            f"{n},vllm bench serve,Llama-3.1-8B,H100-SXM,1,1,bf16,vllm,500,100,{n},concurrency,64,60,{8.5 + n / 20}\n"
            for n in (1, 4, 8, 16, 32))
        from_csv = self.json_of("calibrate", self.write(same, "m.csv"))
        self.assertEqual([item["value"] for item in result["parameters"]],
                         [item["value"] for item in from_csv["parameters"]])
        self.write(json.dumps(self.bench(max_concurrency=None, request_rate=4.0)), "open.json")
        self.assertEqual(self.json_of("calibrate", "open.json", "--gpu", "H100-SXM")["rows"]["fitted"], 1)
        other = self.json_of("calibrate", "bench.json", "--gpu", "H100-SXM", "--model", "Qwen3-8B", "--engine", "sglang",
                             "--tensor-parallel", "2", "--precision", "fp8")
        self.assertEqual([item["scope"] for item in other["parameters"]][:1], ["sglang"])

    def test_what_guidellm_wrote(self):
        def metric(mean):
            return {"successful": {"mean": mean, "median": 0.9 * mean, "count": 40}}

        def run(strategy, tpot):
            return {"config": {"strategy": strategy, "backend": {"model": "Llama-3.1-8B"}},
                    "metrics": {"request_latency": metric(1.0), "prompt_token_count": metric(500.0),
                                "output_token_count": metric(100.0), "output_tokens_per_second": metric(400.0),
                                "time_to_first_token_ms": metric(60.0), "inter_token_latency_ms": metric(tpot),
                                "time_per_output_token_ms": metric(99.0)}}
        runs = [run({"type_": "synchronous"}, 8.2), run({"type_": "concurrent", "streams": 8}, 8.8),
                run({"type_": "constant", "rate": 2.0}, 8.6), run({"type_": "throughput"}, 16.0)]
        self.write(json.dumps({"benchmarks": runs}), "g.json")
        result = self.json_of("calibrate", "g.json", "--gpu", "H100-SXM")
        self.assertEqual((result["rows"]["read"], result["rows"]["fitted"]), (4, 4))
        cell = next(item for item in result["errors"]["base"]["cells"] if item["metric"] == "tpot")
        self.assertEqual((cell["source"], cell["engine"]), ("GuideLLM", "vllm"))
        self.assertLess(cell["errors"]["median_abs_error"], 0.3)  # of the gap between tokens, not of the 99 ms
        runs[1]["config"]["strategy"]["type_"] = "replay"
        self.write(json.dumps({"benchmarks": runs}), "g.json")
        self.assertIn("g.json: run 2: its strategy is none of",
                      self.run_program("calibrate", "g.json", "--gpu", "H100-SXM", code=3).stderr)

    def test_mistakes_in_json(self):
        both = self.write(json.dumps(self.bench(request_rate=3.0)), "both.json")
        self.assertIn("both max_concurrency and a finite", self.run_program("calibrate", both, "--gpu", "L4", code=3).stderr)
        self.assertIn("--gpu is needed", self.run_program("calibrate", both, code=3).stderr)
        self.write('{"a": 1}', "a.json")
        self.assertIn("is neither what", self.run_program("calibrate", "a.json", "--gpu", "L4", code=3).stderr)
        self.write('{"mean_tpot_ms": 3,', "cut.json")
        self.assertIn("cut.json:1: ", self.run_program("calibrate", "cut.json", "--gpu", "L4", code=3).stderr)
        self.write(json.dumps(self.bench(completed=0)), "none.json")
        self.assertIn("no completed request", self.run_program("calibrate", "none.json", "--gpu", "L4", code=3).stderr)
        self.run_program("calibrate", "missing.json", "--gpu", "L4", code=4)

    @unittest.skipUnless((SHARED / "serving.csv").exists(), "no shared measurements here")
    def test_some_of_the_shared_measurements(self):
        with open(SHARED / "serving.csv", newline="") as file:
            reader = csv.DictReader(file)
            rows = [row for row in reader if row["model"] == "Llama-3.1-70B" and row["engine"] in ("vllm", "trtllm")
                    and row["source"].startswith("inferencex")]
            with open(self.dir / "m.csv", "w", newline="") as out:
                writer = csv.DictWriter(out, reader.fieldnames)
                writer.writeheader()
                writer.writerows(rows)
        result = self.json_of("calibrate", "m.csv", "--recipes", SHARED / "recipes")
        self.assertGreater(result["rows"]["fitted"], 100)
        errors = {}
        for kind in ("base", "in_sample", "group_left_out"):
            classes = result["errors"][kind]["classes"]
            errors[kind] = next(item["errors"]["median_abs_error"] for item in classes if item["metric"] == "tpot")
        self.assertLess(errors["in_sample"], errors["base"])
        self.assertLess(errors["in_sample"], 0.07)
        self.assertLess(errors["group_left_out"], 0.15)


if __name__ == "__main__":
    main()
