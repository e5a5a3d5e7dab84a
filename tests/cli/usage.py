"""Usage: help, version, unknown commands and options, exit codes 2, 3 and 4."""

import json

from common import Case, SWEEP, TINY, main


class Usage(Case):
    def says(self, *arguments, code=2):
        done = self.run_program(*arguments, code=code)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_no_command_prints_the_overview_on_stderr(self):
        self.assertIn("Usage: tokenmill COMMAND", self.says())

    def test_help_goes_to_stdout_and_lists_every_command(self):
        for arguments in (["--help"], ["-h"], ["help"]):
            done = self.run_program(*arguments)
            self.assertEqual(done.stderr, "")
            for command in ("run", "sweep", "check", "schema", "catalog"):
                self.assertRegex(done.stdout, rf"(?m)^  {command} ")

    def test_help_of_a_command_is_the_same_in_both_spellings(self):
        for command in ("run", "sweep", "check", "schema", "catalog"):
            self.assertEqual(self.run_program("help", command).stdout, self.run_program(command, "--help").stdout)

    def test_commands_of_later_versions_say_so(self):
        for command in ("plan", "report", "export"):
            self.assertIn(f"'{command}' is not built yet; see 'tokenmill --help'", self.says(command))
            self.assertNotIn(command, self.run_program("--help").stdout)

    def test_version_is_one_line(self):
        self.assertRegex(self.run_program("--version").stdout, r"^tokenmill \d+\.\d+\.\d+\n$")

    def test_unknown_command_is_guessed(self):
        self.assertIn("did you mean 'sweep'?", self.says("sweeep"))

    def test_unknown_option_is_guessed(self):
        self.assertIn("unknown option '--jsno'; did you mean '--json'?", self.says("run", "--jsno", "x.yaml"))
        self.assertIn("unknown option '-z'", self.says("run", "-z", "x.yaml"))

    def test_an_option_of_another_command_says_so(self):
        self.assertIn("--requests is not an option of 'sweep'", self.says("sweep", "--requests", "r.csv", "x.yaml"))

    def test_a_missing_value_says_what_is_expected(self):
        self.assertIn("--seed needs a value: --seed N", self.says("run", "x.yaml", "--seed"))
        self.assertIn("--json takes no value", self.says("run", "--json=yes", "x.yaml"))

    def test_numbers_are_strict(self):
        for option, value in (("--jobs", "0"), ("--jobs", "2x"), ("--seed", "-1"), ("--seed", "1e3"),
                              ("--seed", "9223372036854775808"), ("--point", "")):
            self.assertIn("expected a whole number", self.says("run", option, value, "x.yaml"))

    def test_set_needs_key_and_value(self):
        self.assertIn("expected KEY=VALUE", self.says("run", "--set", "seed", "x.yaml"))

    def test_file_is_needed_once(self):
        self.assertIn("'run' needs FILE", self.says("run"))
        self.assertIn("unexpected argument 'b.yaml'", self.says("run", "a.yaml", "b.yaml"))

    def test_a_missing_scenario_is_the_world(self):
        self.assertIn("nowhere.yaml", self.says("run", "nowhere.yaml", code=4))

    def test_a_bad_scenario_is_bad_input_with_its_place(self):
        self.scenario(TINY.replace("replicas", "replica"))
        text = self.says("run", "tiny.yaml", code=3)
        self.assertIn("tiny.yaml:14:5: error: ", text)
        self.assertIn("did you mean 'replicas'?", text)

    def test_bad_set_names_the_flag(self):
        self.scenario()
        self.assertIn("--set", self.says("check", "--set", "sede=3", "tiny.yaml", code=3))

    def test_sweep_without_a_sweep_suggests_run(self):
        self.scenario()
        self.assertIn("use 'tokenmill run tiny.yaml'", self.says("sweep", "tiny.yaml"))

    def test_run_leaves_a_sweep_alone_and_says_so(self):
        self.scenario(TINY + SWEEP)
        self.assertIn("'tokenmill sweep' runs its 8 points, --point N (0..7) one of them", self.run_program("run", "tiny.yaml").stderr)
        whole = self.json_of("run", "tiny.yaml")
        self.scenario(TINY)
        alone = self.json_of("run", "tiny.yaml")
        self.assertEqual(whole["cost"], alone["cost"])

    def test_run_of_a_point_that_is_not_there(self):
        self.scenario(TINY + SWEEP)
        self.assertIn("--point 8 does not exist", self.says("run", "--point", "8", "tiny.yaml"))


class Knowledge(Case):
    def test_check_counts_the_points(self):
        self.scenario(TINY + SWEEP)
        self.assertEqual(self.run_program("check", "tiny.yaml").stdout, "tiny.yaml: valid, 8 points\n")
        valid = self.json_of("check", "tiny.yaml")
        self.assertEqual(valid["points"], 8)
        self.assertEqual([axis["length"] for axis in valid["axes"]], [4, 2])

    def test_check_of_a_bad_file_is_still_json(self):
        self.scenario(TINY + "nonsense: 1\n")
        self.assertEqual(self.json_of("check", "tiny.yaml", code=3), {"valid": False, "points": None, "axes": None, "models": None})

    def test_schema_is_json_schema(self):
        schema = json.loads(self.run_program("schema").stdout)
        self.assertIn("2020-12", schema["$schema"])
        self.assertIn("workload", schema["properties"])
        self.assertIn("# ", self.run_program("schema", "--markdown").stdout)
        self.assertIn("usd_per_mtok_total", self.run_program("schema", "--metrics").stdout)

    def test_catalog_lists_and_shows(self):
        for table, name in (("gpus", "H100-SXM"), ("models", "Llama-3.1-8B"), ("images", "FLUX.1-dev"),
                            ("apis", "gpt-4o-mini"), ("regions", "USA"), ("power", "Hopper")):
            listing = self.run_program("catalog", table).stdout
            self.assertIn(name, listing)
            rows = self.json_of("catalog", table)
            self.assertEqual(len(rows), len(listing.splitlines()) - 1)
            row = self.json_of("catalog", table, name)
            self.assertIn(row, rows)
            self.assertTrue(row["source"] and row["status"] and row["as_of"])
            self.assertRegex(self.run_program("catalog", table, name).stdout, r"(?m)^source +\S")

    def test_catalog_numbers_are_numbers(self):
        row = self.json_of("catalog", "gpus", "H100-SXM")
        self.assertEqual(row["mem_gb"], 80)
        self.assertIsInstance(row["rental_typ_usd_per_hour"], float)

    def test_catalog_guesses(self):
        self.assertIn("did you mean 'gpus'?", self.run_program("catalog", "gpu", code=2).stderr)
        self.assertIn("H100-SXM", self.run_program("catalog", "gpus", "H100-SMX", code=3).stderr)


if __name__ == "__main__":
    main()
