"""`python -m evalgate`, without the working directory among the places that modules come from.

A repository under judgement has a folder `datasets/`, which would pass for the library of that name, and a hostile one
could bring a `torch.py`.
"""

import sys
from pathlib import Path

sys.path[:] = [place for place in sys.path if place and Path(place).absolute() != Path.cwd()]

from evalgate.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
