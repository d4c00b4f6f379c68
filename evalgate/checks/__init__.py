"""Dataset checks, EG101 to EG603."""

from evalgate.checks.codes import CODES
from evalgate.checks.dataset import check_dataset
from evalgate.checks.rows import Row

__all__ = ["CODES", "Row", "check_dataset"]
