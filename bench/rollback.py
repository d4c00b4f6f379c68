"""How long `evalgate registry rollback` takes, from the command to the changed file, where torch is not installed.

    .venv/bin/python -P bench/rollback.py

The command runs as a process of its own whose import of torch and transformers fails, as where they are missing. The peer is an
interpreter that starts and does nothing. One line on stderr with its target; everything as JSON on stdout.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
SHA = "ab" * 32
WITHOUT = """import sys
for name in ("torch", "transformers", "peft", "accelerate", "safetensors", "gguf", "huggingface_hub"):
    sys.modules[name] = None
sys.argv[0] = "evalgate"
from evalgate.cli.main import main
main(sys.argv[1:])
"""
ENTRY = """\
        model: m
        base_model: {{uri: m, sha256: {sha}}}
        prompt_sha256: {sha}
"""
REGISTRY = (
    "version: 1\nfeatures:\n  f:\n    default: ft-v1.0.0\n    variants:\n      base:\n"
    + ENTRY.format(sha=SHA)
    + "      ft-v1.0.0:\n"
    + ENTRY.format(sha=SHA)
    + "        judged_against: base\n        flag: {name: f-ft-v1.0.0, on: false, share: 1.0}\n"
)


def seconds(command: list[str], folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> int:
    took, idle = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for _ in range(ROUNDS):
            (folder / "models.yaml").write_text(REGISTRY)
            idle.append(seconds([sys.executable, "-P", "-c", "pass"], folder))
            took.append(seconds([sys.executable, "-P", "-c", WITHOUT, "registry", "rollback", "f"], folder))
            assert "default: base" in (folder / "models.yaml").read_text()
    told = {
        "name": "rollback, command to changed file, seconds (median)",
        "value": round(statistics.median(took), 3),
        "least": round(min(took), 3),
        "times an idle interpreter": round(statistics.median(took) / statistics.median(idle), 1),
        "target": "below 1",
        "passed": statistics.median(took) < 1,
    }
    print(f"{'PASS' if told['passed'] else 'FAIL'}  {told['name']}: {told['value']} ({told['target']}; least {told['least']}, "
          f"{told['times an idle interpreter']} times an idle interpreter)", file=sys.stderr)  # fmt: skip
    print(json.dumps(told, indent=2))
    return 0 if told["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
