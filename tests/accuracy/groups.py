"""Which measured rows are simulated, by group: one model, GPU, precision, engine and source."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Group:
    """A group of rows of serving.csv, in its own words."""

    source: str
    model: str
    gpu: str
    precision: str
    engine: str
    fitted: bool        # rows of this group were in the fit of models/priors.h
    client: str         # a function of clients.py
    select: str = ""    # rows whose notes contain this; ML.ENERGY: its task
    kv_precision: str = ""  # instead of the recipe's

    @property
    def name(self):
        """Its title."""
        task = f" {self.select.removeprefix('task=')}" if self.select else ""
        return f"{self.model} {self.gpu} {self.precision} {self.engine}, {self.source}{task}"


CHAT = "task=lm-arena-chat"

GROUPS = [
    Group("inferencex_via_aic", "Llama-3.1-70B", "H100-SXM", "fp8", "vllm", True, "inferencex", kv_precision="bf16"),
    Group("inferencex_via_aic", "Llama-3.1-70B", "B200-SXM", "fp8", "vllm", True, "inferencex"),
    Group("inferencex_via_aic", "Llama-3.1-70B", "B200-SXM", "fp4", "vllm", True, "inferencex"),
    Group("aic_inhouse", "Qwen3-32B", "H100-SXM", "bf16", "vllm", True, "unpublished"),
    Group("mlenergy", "Llama-3.1-70B", "H100-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Llama-3.1-70B", "B200-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Llama-3.1-8B", "B200-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Qwen3-8B", "B200-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Qwen3-14B", "B200-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Qwen3-8B", "H100-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Qwen3-32B", "H100-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Llama-3.1-405B", "B200-SXM", "bf16", "vllm", True, "mlenergy", CHAT),
    Group("mlenergy", "Llama-3.1-405B", "B200-SXM", "fp8", "vllm", True, "mlenergy", CHAT),
    Group("inference-sim_training", "Llama-2-7B", "H100-SXM", "bf16", "vllm", True, "cached_loop"),
    Group("inference-sim_training", "Llama-2-70B", "H100-SXM", "bf16", "vllm", True, "cached_loop"),
    Group("inference-sim_sim2real", "Llama-3.1-70B", "H100-SXM", "bf16", "vllm", True, "cached_loop"),
    Group("inference-sim_sim2real", "Qwen2.5-7B", "H100-SXM", "bf16", "vllm", True, "cached_loop"),
    Group("inferencex_via_aic", "Llama-3.1-70B", "B200-SXM", "fp8", "trtllm", False, "inferencex"),
    Group("inferencex_via_aic", "Llama-3.1-70B", "B200-SXM", "fp4", "trtllm", False, "inferencex"),
    Group("aic_inhouse", "Qwen3-32B", "H100-SXM", "fp8", "trtllm", False, "unpublished", kv_precision="fp8"),
    Group("trtllm_docs_v0.9", "Llama-2-70B", "A100-SXM", "fp16", "trtllm", False, "one_batch"),
    Group("trtllm_docs_v0.9", "Llama-2-7B", "A100-SXM", "fp16", "trtllm", False, "one_batch"),
    Group("trtllm_docs_v0.9", "Llama-2-70B", "L40S", "fp8", "trtllm", False, "one_batch"),
    Group("trtllm_docs_v0.9", "Llama-2-70B", "H100-SXM", "fp8", "trtllm", False, "one_batch"),
    Group("trtllm_docs_v0.9", "Llama-2-70B", "H200-SXM", "fp8", "trtllm", False, "one_batch"),
]


# Rows that are off by a factor of two, and why that is not the model's fault.
EXCEPTIONS = {
    "r04969": "Llama-3.1-8B on B200 at 128 sequences: 27 ms, and fewer tokens a second than at 64. Qwen3-8B, as large, takes "
              "12 ms on the same GPU at the same batch: this run was held up by its host",
}

# Rows that are left out: faster than the weights, the KV cache and the prompts of their own settings allow. 4000 tokens in, 1000
# out, January 2026; client and cache are not published.
IMPOSSIBLE = {"r02732", "r02733", "r02734", "r02735"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of requests.csv, and the server that it ran on."""

    model: str          # as requests.csv names it
    gpu: str
    llm: str            # as the catalogue does
    replicas: int
    max_num_seqs: int
    dense: bool
    num_gpu_blocks: int = 0  # where the server's log says; else what tokenmill reckons

    @property
    def name(self):
        """Its title."""
        return f"{self.model} {self.gpu}"


RUNS = [
    Run("Llama-3.1-8B", "RTXPRO6000", "Llama-3.1-8B", 1, 128, True),
    Run("Llama-3.1-8B", "RTX4090", "Llama-3.1-8B", 1, 256, True),
    Run("Qwen3-30B-A3B-Instruct-2507", "RTXPRO6000", "Qwen3-30B-A3B", 2, 128, False),
]

# The catalogue's names of what the measurements call otherwise.
CATALOGUE_GPU = {
    "A100-SXM": "A100-80GB-SXM",
    "RTXPRO6000": "RTX-PRO-6000-Blackwell-Server",
    "RTX4090": "RTX-4090",
}
