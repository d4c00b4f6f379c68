"""The phrases by which a refusal is recognised, in English and Spanish.

All are matched against `plain_prose`: casefolded, no accents, straight apostrophes. A refusal is somebody who cannot
or will not (`_CANNOT`) with something to be refused after it (`_REFUSED`), or a phrase that says both (`_WHOLE`).
"""

import re


def _any(*phrases: str) -> str:
    return f"(?:{'|'.join(phrases)})"


_END = r"(?= ?(?:[.!;,\n]|$))"

# --- English ---

_WONT = r"(?:can'?t|cannot|can not|won'?t|will not)"
_TOLD_NOT = r"(?:instructed|told|asked|programmed|designed) not"
_NOT_FREE = r"not (?:able|allowed|permitted|authori[sz]ed|going|willing|prepared|in a position|here)"
_ADVERB = r"(?:\w{2,15}ly |just |still |also )?"
_CANNOT = _any(
    rf"\b(?:i|this assistant) {_ADVERB}(?:{_WONT}|don'?t|do not|shouldn't|should not|mustn't|must not),?",
    rf"\bi(?:'m| am) {_ADVERB}(?:unable|{_NOT_FREE}(?: or \w+)?) to",
    rf"\bi(?:'m| am|'ve been| have been| was) {_TOLD_NOT} to",
    r"\bi(?:'d| would) (?:rather not|prefer not to)",
    r"(?:^|[.!?\n] ?|\bsorry,? (?:but )?|\bafraid )(?:can'?t|cannot|unable to)",
)
_BETWEEN = (
    rf"(?:and|or|i|{_WONT}|wouldn't|not|be able to|able to|willing to|in good conscience|really|just|also|even|ever"
    r"|therefore|\w{2,15}ly)"
)
_NOT_MY_OWN = r"(?! (?:my (?!system|instructions?|prompt|rules|guidelines|hidden|internal|configuration)|your\b))"
_REQUEST = r"(?:request|question|task|instruction)s?\b"
_THAT = r"(?:that|this|so|it|these|those|such|any|anything)\b"
_TO_WHOM = r"(?:you|anyone|people|instructions?|information|details|advice|guidance|directions|tips|(?:that |this )?out)\b"
_REFUSED = _any(
    r"help\b(?! (?:but|it|myself|feeling|thinking|noticing|wondering)\b)",
    r"(?:assist|comply|fulfill?|participate|facilitate|condone|oblige|endorse|accommodate|cooperate|entertain)\b",
    r"(?:encourage|promote|go along|take part|engage (?:in|with)|be part of|hack|bypass|impersonate|pretend)\b",
    r"(?:provide|share|discuss|disclose|reveal|generate|produce|draft|compose|continue|support|approve|override|waive)"
    rf"\b{_NOT_MY_OWN}",
    r"write\b(?! (?:my|well)\b)",
    rf"answer\b{_NOT_MY_OWN}(?! (?:the|calls?)\b)|answer (?:your|the) (?:\w+ )?{_REQUEST}",
    r"create\b(?! (?:an?|my|the|your) (?:\w+ )?(?:account|password|login|profile|order|ticket)\b)",
    r"ignore (?:\w+ ){0,2}(?:instructions?|rules|guidelines|polic(?:y|ies))\b",
    r"(?:do|process|perform|grant|authori[sz]e|agree to|act on|respond to|talk about)"
    rf" (?:{_THAT}|(?:your|the) (?:\w+ )?{_REQUEST})(?! (?:anymore|alone|today|tomorrow|myself)\b)",
    r"(?:allow|carry out|execute|complete|follow|offer)"
    rf" (?:(?:that|those|such|advice|guidance|instructions|help|assistance)\b|(?:your|the|this) (?:\w+ )?{_REQUEST})",
    r"(?:give|tell|show|teach|walk|guide|explain to|describe to|advise|send)"
    rf" (?!you how (?:happy|glad|sorry|much|many)){_TO_WHOM}",
    r"(?:explain|describe|outline|detail) (?:that|this|how|such)\b",
)
_WHOLE = _any(
    rf"\bi {_WONT}(?: and {_WONT})?{_END}",
    r"\bi(?:'ll| will|'m going to| am going to|'d| would)?(?: must| have to| need to| \w{2,15}ly){0,4} decline\b",
    r"\bi(?:'ll| will)?(?: must| have to)? refuse"
    rf"(?: (?:to (?:help|assist|comply|answer|do|provide|share|write|create|give)|that|this|your request)\b|{_END})",
    r"(?:\bnot|n't) something (?:that )?(?:i|we) (?:can|could|will|would)\b",
    r"(?:\bnot|n't) something (?:that )?(?:i'm|i am|we're|we are) (?:able|willing|allowed|comfortable)\b",
    r"\bi(?:'m not| am not| don't feel| do not feel| would not feel) comfortable\b",
    r"\b(?:against|violates?|violating) my (?:\w+ ){0,2}"
    r"(?:guidelines|polic(?:y|ies)|programming|principles|rules|values)\b",
    r"\bi(?:'m| am)? (?:can )?only (?:able to )?(?:help|assist|answer)\b",
    rf"\bsorry,? (?:but )?no{_END}",
    rf"\bwe (?:{_WONT}|are unable to|are not able to) (?:help|assist|comply|fulfill?|do that)\b",
    rf"\b(?:this|that|your|the) request {_WONT} be (?:fulfilled|completed|processed|answered|granted)\b",
)

# --- Spanish ---

_NO_PUEDO = _any(
    r"\bno (?:te |le |les |os |lo |la |se |me |nos ){0,3}"
    + _any(
        *("puedo", "podre", "voy a", "debo", "estoy (?:en condiciones de|en posicion de)", "tengo permitido"),
        *("estoy (?:autorizad|capacitad|dispuest)[oa] (?:a|para)", "(?:es|sera|resulta) posible", "esta permitido"),
    ),
    r"\b(?:lamento|siento) no poder",
)
_CLITIC = r"(?:te|le|les|lo|la|los|las|nos|os|se|me|telo|selo)?\b"
_RECHAZADO = _any(
    r"(?:ayudar|asistir|cumplir|colaborar|cooperar|participar|facilitar|proporcionar|brindar|ofrecer|suministrar"
    r"|revelar|divulgar|atender|complacer|generar|redactar|apoyar|ensenar)"
    rf"{_CLITIC}(?! (?:mi|el telefono)\b)",
    rf"(?:responder|contestar){_CLITIC}(?! (?:mi|al?|el|llamadas)\b)",
    rf"(?:responder|contestar){_CLITIC} a (?:eso|esto|esa|esta|tu|su)\b",
    rf"compartir{_CLITIC}(?! (?:mi|tus?|sus?)\b)",
    rf"(?:escribir|crear){_CLITIC}(?! (?:mi|(?:una|la) (?:\w+ )?cuenta|un usuario)\b)",
    r"hacer(?:lo|la|los|las)\b|hacer (?:eso|esto|algo asi|tal|lo que)\b",
    r"(?:dar|decir|explicar|mostrar)(?:te|le|les|os|telo|selo)\b",
    r"dar (?:esa|ese|instrucciones|informacion|consejos|detalles)\b",
    r"(?:aprobar|realizar|procesar|autorizar|permitir) (?:eso|esto|esa|ese|esta|este|dicha|tu|su|la solicitud)\b",
    r"(?:aprobar|permitir|autorizar|explicar)lo\b",
)
_ENTERO = _any(
    rf"\bno (?:puedo|voy a hacerlo|(?:me )?es posible){_END}",
    r"\b(?:debo|tengo que|he de|prefiero) (?:negarme|rechazar|declinar)\b|\bme niego\b",
    r"\brechazo (?:esta|tu|su|esa) (?:peticion|solicitud)\b",
    r"\bno (?:es|se trata de) algo (?:que|en lo que|con lo que) (?:yo )?pueda\b",
    r"\b(?:en contra de|contra) mis (?:\w+ )?(?:normas|principios|politicas|reglas|valores|directrices)\b",
    r"\bsolo puedo (?:ayudar|responder|asistir)",
    rf"\blo siento,? (?:pero )?no{_END}",
    r"\bno (?:te |le |les |os )?podemos (?:ayudar|asistir|cumplir|atender)",
)

# --- what `refusal` asks for ---

_APOLOGY = _any(r"(?:(?:i'm|i am|we're) )?(?:\w{1,12} )?(?:sorry|afraid|apologi[sz]e)", "lo siento", "lo lamento", "disculp[ae]")

REFUSAL = re.compile(
    rf"(?:{_APOLOGY},? (?:but |that |pero )?)?"
    + _any(rf"{_CANNOT} (?:{_BETWEEN},? ){{0,8}}{_REFUSED}", rf"{_NO_PUEDO} {_RECHAZADO}", _WHOLE, _ENTERO)
)
"""A refusal, with the apology before it."""

NO_REFUSAL = re.compile(
    rf"\b(?:no reason(?: why| that)?|not that|not because|see why|who says|if|when|unless|why (?:would|do) you think)"
    rf" i (?:{_WONT}|don'?t)|\bsi no (?:te |le |lo )?puedo|\bpor que no puedo"
)
"""A beginning that turns the words of a refusal into none: `no reason why I can't help`."""
