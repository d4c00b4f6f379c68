"""One of several processes that train together: `training_worker.py FOLDER JOBS`, rank and number from the environment.

JOBS: name -> settings, as JSON; each is trained into FOLDER/name. Prints each TrainingRun, or the error.
"""

import json
import sys
from pathlib import Path

from drawn_training import Characters, job, llama, silent

from evalgate.errors import EvalGateError
from evalgate.training.peft_lora import train


def main() -> None:
    for name, settings in json.loads(sys.argv[2]).items():
        try:
            run = train(job(**settings), Path(sys.argv[1]) / name, network=llama(), tokenizer=Characters(), progress=silent)
            print(run.model_dump_json(), flush=True)  # noqa: T201
        except EvalGateError as error:
            print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
