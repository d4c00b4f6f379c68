"""Words of any script, as ROUGE counts them."""

import re
import unicodedata

_ALONE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana and Han are written without spaces between words: each character is a word."""


def words(text: str) -> list[str]:
    """The words of NFC, casefolded text: runs of letters, digits and their marks; what else there is stands between them.

    Of ASCII text they are the words that the ROUGE-1.5.5 tokenizer finds.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return "".join(map(_spaced, folded)).split()


def _spaced(char: str) -> str:
    if unicodedata.category(char)[0] not in "LNM":
        return " "
    return f" {char} " if _ALONE.match(char) else char
