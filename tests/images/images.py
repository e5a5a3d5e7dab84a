"""Image generators against measurements: images per second, joules an image and dollars a thousand images.

ML.ENERGY leaderboard v3 (data/mlenergy_measurements.csv of the shared folder): a fixed batch on one GPU, again and again. MLPerf
Inference 5.1 (data/mlperf51_per_gpu.csv): SDXL, offline, by GPU. The share of the peak that a model reaches was fitted on its H100
rows; B200's factor on all seven models together. What is predicted of B200 thus knows the model from another GPU, and the GPU from
other models. Prints a table; with --write it replaces the one in the file named; with --check it fails above MEDIAN_MAX."""

import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SHARED = pathlib.Path(os.environ.get("TOKENMILL_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
TOKENMILL = os.environ.get("TOKENMILL", "tokenmill")
MODELS = {
    "Efficient-Large-Model/SANA1.5_1.6B_1024px_diffusers": "SANA-1.5-1.6B",
    "Efficient-Large-Model/SANA1.5_4.8B_1024px_diffusers": "SANA-1.5-4.8B",
    "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS": "PixArt-Sigma-XL",
    "Tencent-Hunyuan/HunyuanDiT-v1.2-Diffusers": "HunyuanDiT-v1.2",
    "stabilityai/stable-diffusion-3.5-medium": "SD3.5-medium",
    "stabilityai/stable-diffusion-3.5-large": "SD3.5-large",
    "black-forest-labs/FLUX.1-dev": "FLUX.1-dev",
}
GPUS = {"H100": "H100-SXM", "B200": "B200-SXM"}
MLPERF_GPUS = {
    "AMD Instinct MI325X 256GB HBM3e": "MI325X",
    "NVIDIA B200-SXM-180GB": "B200-SXM",
    "NVIDIA H100-SXM-80GB": "H100-SXM",
    "NVIDIA H200-NVL-141GB": "H200-NVL",
    "NVIDIA H200-SXM-141GB": "H200-SXM",
    "NVIDIA L4-PCIe-24GB": "L4",
    "NVIDIA L40S": "L40S",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": "RTX-PRO-6000-Blackwell-Server",
}
MEDIAN_MAX = {"images/s": 0.10, "J/image": 0.15}
USD_PER_HOUR = 3.0
BEGIN, END = "<!-- images: by tests/images/images.py -->\n", "<!-- end of images -->\n"


def simulated(folder, model, gpu, batch, steps, precision):
    """Images a second, board joules an image, dollars a thousand images: `batch` clients without a pause, whole batches."""
    scenario = {
        "name": "images",
        "requests": 8 * batch,
        "workload": [{"name": "pictures", "arrivals": {"process": "closed-loop", "clients": batch},
                      "denoising_steps": steps}],
        "fleet": [{"name": "main", "gpu": gpu, "model": model, "precision": precision,
                   "batching": {"policy": "static", "max_num_seqs": batch, "max_wait": "1ms"}}],
        "cost": {"gpu_usd_per_hour": USD_PER_HOUR},
    }
    path = pathlib.Path(folder, "images.yaml")
    path.write_text(json.dumps(scenario))
    done = subprocess.run([TOKENMILL, "run", "--json", "--quiet", path], check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    rate = result["throughput"]["requests_per_s"]
    return rate, result["power"]["board_per_gpu_w"] / rate, result["cost"]["usd_per_kimage"]


def mlenergy_rows():
    with open(SHARED / "data" / "mlenergy_measurements.csv", newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["task"] == "text-to-image" and row["num_gpus"] == "1":
                yield row


def mlperf_rows():
    with open(SHARED / "data" / "mlperf51_per_gpu.csv", newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["model"] == "stable-diffusion-xl" and row["scenario"] == "Offline" and row["accelerator"] in MLPERF_GPUS:
                yield row


def check_money(rate, usd_per_kimage):
    """Rent by the hour over images by the hour: the same number on another way."""
    expected = USD_PER_HOUR / (rate * 3600) * 1000
    if abs(usd_per_kimage / expected - 1) > 1e-9:
        raise SystemExit(f"usd_per_kimage = {usd_per_kimage}, but {USD_PER_HOUR} USD/h over {rate} images/s is {expected}")


def compare(folder):
    """{(model, GPU): {metric: [error, ...]}} of ML.ENERGY."""
    errors = {}
    for row in mlenergy_rows():
        model, gpu = MODELS[row["model"]], GPUS[row["gpu_model"]]
        batch, steps = int(row["batch_size"]), int(row["inference_steps"])
        rate, joules, usd_per_kimage = simulated(folder, model, gpu, batch, steps, "bf16")
        check_money(rate, usd_per_kimage)
        cell = errors.setdefault((model, gpu), {"images/s": [], "J/image": []})
        cell["images/s"].append(rate / float(row["throughput_images_per_sec"]) - 1)
        cell["J/image"].append(joules / float(row["energy_per_image_joules"]) - 1)
    return errors


def compare_mlperf(folder):
    """[(GPU, measured, predicted)]: 32 images a batch, 8 bit."""
    rows = []
    for row in mlperf_rows():
        gpu = MLPERF_GPUS[row["accelerator"]]
        rate, _, _ = simulated(folder, "SDXL-1.0", gpu, 32, 20, "fp8")
        rows.append((gpu, float(row["best_per_accel"]), rate))
    return rows


def percent(value):
    return f"{100 * value:+.0f} %"


def median_size(values):
    return statistics.median(abs(value) for value in values)


def report(errors, mlperf):
    lines = ["| model | GPU | fitted on | rows | images/s, median and range | J/image, median and range |",
             "| --- | --- | --- | --- | --- | --- |"]
    for (model, gpu), cell in errors.items():
        texts = [f"{100 * median_size(cell[metric]):.1f} %, {percent(min(cell[metric]))} .. {percent(max(cell[metric]))}"
                 for metric in ("images/s", "J/image")]
        fitted = "yes" if gpu == "H100-SXM" else "factor only"
        lines.append(f"| {model} | {gpu} | {fitted} | {len(cell['images/s'])} | {texts[0]} | {texts[1]} |")
    lines += ["", "| SDXL, MLPerf 5.1 offline | measured images/s | predicted | error |", "| --- | --- | --- | --- |"]
    for gpu, measured, predicted in mlperf:
        lines.append(f"| {gpu}{' (fitted on)' if gpu == 'H100-SXM' else ''} | {measured:.2f} | {predicted:.2f} "
                     f"| {percent(predicted / measured - 1)} |")
    return "\n".join(lines) + "\n"


def medians(errors, gpu):
    cells = [cell for key, cell in errors.items() if key[1] == gpu]
    return {metric: statistics.median(median_size(cell[metric]) for cell in cells) for metric in MEDIAN_MAX}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", metavar="FILE", type=pathlib.Path)
    options = parser.parse_args()
    if not (SHARED / "data" / "mlenergy_measurements.csv").exists():
        print("skipped: no measurements in", SHARED)
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="tokenmill-test-") as folder:
        errors, mlperf = compare(folder), compare_mlperf(folder)
    text = report(errors, mlperf)
    print(text)
    failed = False
    for gpu in GPUS.values():
        for metric, value in medians(errors, gpu).items():
            print(f"{gpu}: median over models of the median error of {metric}: {100 * value:.1f} %")
            failed = failed or value > MEDIAN_MAX[metric]
    if options.write is not None:
        page = options.write.read_text(encoding="utf-8")
        head, rest = page.split(BEGIN)
        options.write.write_text(head + BEGIN + text + END + rest.split(END)[1], encoding="utf-8")
    sys.exit(1 if failed and options.check else 0)


main()
