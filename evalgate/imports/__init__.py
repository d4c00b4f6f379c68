"""Other evaluators' own files become results: lm-eval, inspect and promptfoo. Pure readers, one a program."""

from evalgate.imports.cases import Imported, Wanted

__all__ = ["Imported", "Wanted"]
