"""`model: ./config.json`: the same numbers as the catalogue's row, and aloud what was read and assumed."""

import json

import h5py

from common import Case, TINY, main

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
}
ROW = "model: Llama-3.1-8B"


class ModelFile(Case):
    def config(self, **changes):
        (self.dir / "config.json").write_text(json.dumps({**LLAMA, **changes}))

    def with_file(self, text="./config.json"):
        self.assertIn(ROW, TINY)
        self.scenario(TINY.replace(ROW, f"model: {text}"))

    def numbers(self):
        result = self.json_of("run", "tiny.yaml")
        for key in ("run", "assumptions"):
            del result[key]
        del result["by_pool"]["main"]["model"]
        return result

    def test_a_file_with_the_shape_of_a_row_gives_its_numbers(self):
        self.scenario(TINY)
        of_row = self.numbers()
        self.config()
        self.with_file()
        self.assertEqual(self.numbers(), of_row)

    def test_the_file_is_relative_to_the_scenario(self):
        self.config()
        (self.dir / "below").mkdir()
        self.scenario(TINY.replace(ROW, "model: ../config.json"), "below/tiny.yaml")
        done = self.run_program("check", "below/tiny.yaml")
        self.assertIn("llama, 8.03 billion parameters", done.stderr)

    def test_run_says_on_stderr_what_was_read_and_assumed(self):
        self.config()
        self.with_file()
        done = self.run_program("run", "tiny.yaml")
        self.assertEqual(done.stderr.count("[model-read]"), 1)
        self.assertIn("read: model_type, num_hidden_layers", done.stderr)
        self.assertIn("assumed: head_dim = 128", done.stderr)
        self.assertNotIn("[model-type]", done.stderr)
        self.assertIn("fleet.main.model: ./config.json 0x", done.stdout)

    def test_an_unknown_type_is_warned_of_and_works(self):
        self.config(model_type="brandnew")
        self.with_file()
        done = self.run_program("check", "tiny.yaml")
        self.assertIn("'brandnew' is not known", done.stderr)
        self.assertIn("[model-type]", done.stderr)

    def test_hash_and_report_stand_in_every_output(self):
        self.config()
        self.with_file()
        (model,) = self.json_of("check", "tiny.yaml")["models"]
        self.assertEqual(model["path"], "./config.json")
        assumed = [entry["text"] for entry in self.json_of("run", "tiny.yaml")["assumptions"]]
        self.assertIn(f"./config.json {model['hash']}: {model['report']}", assumed)
        self.run_program("run", "-o", "out.h5", "tiny.yaml")
        with h5py.File(self.dir / "out.h5") as file:
            hashes = file.attrs["catalogue_hashes"]
        text = hashes.decode() if isinstance(hashes, bytes) else str(hashes)
        self.assertTrue(text.endswith(f", ./config.json {model['hash']}"), text)
        self.config(torch_dtype="float16")
        self.assertNotEqual(self.json_of("check", "tiny.yaml")["models"][0]["hash"], model["hash"])

    def test_without_a_file_there_are_no_models(self):
        self.scenario(TINY)
        self.assertEqual(self.json_of("check", "tiny.yaml")["models"], [])

    def test_quantization_is_the_default_precision(self):
        self.config(quantization_config={"quant_method": "fp8"})
        self.with_file()
        self.assertEqual(self.json_of("run", "tiny.yaml")["by_pool"]["main"]["precision"], "fp8")
        self.with_file("./config.json\n    precision: bf16")
        self.assertEqual(self.json_of("run", "tiny.yaml")["by_pool"]["main"]["precision"], "bf16")


main()
