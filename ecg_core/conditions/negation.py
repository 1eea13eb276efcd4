"""Negation and doubt in a query, in English and German.

A query such as "no atrial fibrillation" must never be answered as "atrial fibrillation". So this
module is lopsided on purpose: it reads a few plain forms of negation, and it recognises far more
words that negate than it reads, so that whatever it cannot read is refused. A needless refusal
costs a rewording; a missed negation turns the answer round.

Every pattern takes time linear in the text (`make linearity`): no two repetitions that can share
characters stand beside each other, and none can begin inside another's run.
"""

import re
from collections.abc import Iterator

from ecg_core.conditions.terms import fold_characters

_ARTICLE = r"(?:the|an?|any|ein(?:e[nmrs]?)?|de[rnms]|die|das)"
_SPACE = r"[\s:]+"
# Nobody writes more fillers in a row, and each form is looked up.
_MOST_ROUNDS = 6


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


# ---- words without meaning for the lookup, and words of doubt -------------------------------

_OPENING = _pattern(
    rf"""^(?:{_ARTICLE}
    |(?:(?:12[-\s]lead\s)?(?:ecg|ekg))\s(?:shows?|showing|with|mit|zeigt)
    |(?:there\s(?:is|are)|is\sthere|are\sthere|shows?|es\sbesteh(?:t|en)|es\szeigt\ssich|zeigt)
    |(?:the\s)?(?:patient(?:in)?|pt)\s(?:has|with|in|mit|hat)
    |(?:evidence|signs?|presence|features?)\s(?:of|for)
    |in|(?:zeichen|hinweise?|nachweis|anhalt)\s(?:auf|f(?:ü|ue)r|von|eine[rs]|de[rs])
    ){_SPACE}(?=\S)"""
)
_CLOSING = _pattern(
    r"""(?<=\S)(?<!\bnot)(?<!\bnicht)\s+(?:
    (?:(?:is|are|was|were)\s)?(?:present|seen|noted|found|detected|visible)
    |(?:on|in)\s(?:the\s|this\s)?(?:ecg|ekg)|im\sekg
    |vorhanden|nachweisbar|nachgewiesen|sichtbar|erkennbar)$"""
)
_DOUBT_BEFORE = _pattern(
    rf"""^(?:
    possib(?:le|ly)|prob(?:able|ably|\.)|suspected|suspect|suspicion\sof|suspicious\sfor|likely
    |presum(?:ed|ably|ptive)|potential(?:ly)?|questionable|query|maybe|perhaps|consider
    |(?:may|might|could)\sbe|concern(?:ing|ed)?\s(?:for|about)
    |verdacht\s(?:auf|f(?:ü|ue)r)|verd\.\s?auf|v\.\s?a\.?|va\.
    |m(?:ö|oe)glich(?:e[rnsm]?|erweise)?|wahrscheinlich(?:e[rnsm]?)?|vermutlich(?:e[rnsm]?)?
    |vermutet(?:e[rnsm]?)?|fraglich(?:e[rnsm]?)?|fragl\.|eventuell(?:e[rnsm]?)?|evtl\.?
    |a\.\s?e\.|am\sehesten|frage\snach
    ){_SPACE}(?=\S)"""
)
_DOUBT_AFTER = _pattern(
    r"""(?<=\S)(?:\s*\(\?+\)
    |(?<![\s,])(?<!\bnot)(?<!\bnicht)[\s,]++\(?(?:(?:is|are|ist|sind)\s)?(?:possible|suspected|probable|likely|presumed|questionable
    |m(?:ö|oe)glich|wahrscheinlich|vermutet|fraglich|vermutlich)\)?)$"""
)
# In a clinic "rule out X" and "zum Ausschluss von X" ask whether X is there: they ask for X.
_RULE_OUT = _pattern(
    rf"""^(?:(?:to\s)?(?:rule[\s-]out|exclude)|r\s?/\s?o|zum\sausschluss(?:\s(?:von|eine[rs]|de[rs]))?|z\.\s?a\.)
    {_SPACE}(?=\S)"""
)
_EDGES = " \t\u00a0?!.,;:\"'“”„‚‘’«»"

# ---- the forms of negation that are read ----------------------------------------------------

_ADJECTIVE = r"(?:clear|definite|sicher|eindeutig)(?:e[nrsm]?)?"
_SIGN = r"(?:evidence|signs?|suspicion|indications?|findings?|features?|presence|diagnosis)"
_ZEICHEN = r"(?:hinweise?n?|anhalt|anhaltspunkte?|zeichen|anzeichen|nachweis|verdacht|beweis)"
_NEGATED_AFTER = _pattern(
    rf"""^(?:
    (?:no|not|without|w/o)(?:\s+(?:(?:any|{_ADJECTIVE})\s+)*{_SIGN}\s+(?:of|for))?
    |(?:kein(?:e[nmrs]?)?|keinerlei|ohne|nicht)
     (?:\s+(?:{_ADJECTIVE}\s+)?{_ZEICHEN}\s+(?:auf|f(?:ü|ue)r|von|eine[rs]|de[rs]))?
    |(?:the\s)?(?:absence|lack)\s+of|absent|negative\s+for|free\s+(?:of|from)
    |frei\s+von|(?:das\s)?fehlen(?:\s+(?:von|eine[rs]|de[rs]))?|fehlende[nmrs]?
    |ausschlu(?:ss|ß)(?:\s+(?:von|eine[rs]|de[rs]))?
    ){_SPACE}(?!(?:conduction\s(?:through|to|into|in|via|between|across|down)
    |longer|more|only|just|simply|merely|sure|certain|clear|known|always|necessarily
    |mehr|nur|blo(?:ss|ß)|sicher|klar|immer)\b)(?P<term>\S.*)$"""
)
_NEGATED_BEFORE = _pattern(
    r"""^(?P<term>.*?[^\s,:])[\s,:]++
    (?:(?:is|are|was|were|has\sbeen|have\sbeen|ist|sind|wurden?)\s++)?
    (?:absent|excluded|ruled\sout
    |not\s(?:present|seen|noted|found|detected|identified|visible|evident)
    |ausgeschlossen|nicht\s(?:vorhanden|nachweisbar|nachgewiesen|sichtbar|erkennbar))$"""
)

_NAMES_NOTHING = _pattern(
    rf"""^(?:(?:{_SIGN}|{_ZEICHEN}|of|for|to|auf|f(?:ü|ue)r|von|eine[rs]|{_ARTICLE}|is|are|it
    |possible|probable|likely|suspected|present|seen|rule|out|m(?:ö|oe)glich|wahrscheinlich
    |vorhanden|nachweisbar)\b\W*)*$"""
)

# ---- everything that negates ----------------------------------------------------------------

# In "non-sustained" or "negative T waves" the word belongs to the finding.
_NOT_A_NEGATION = re.compile(
    r"""\b(?:non|nicht)\ ?(?:sustained|speci\w*|st|q|conduct(?:ed|ing)|transmural\w*|paroxysmal
        |diagnostic|ischa?em(?:ic|isch\w*)|compensatory|respiratory|progressive|dominant|valvular
        |cardiac|obstructive|locali[sz]ed|characteristic|coronary|anhaltend\w*|uebergeleitet\w*
        |charakteristisch\w*|koronar\w*|diagnostisch\w*|spezifisch\w*|valvulaer\w*
        |respiratorisch\w*|verwertbar\w+|auswertbar\w+|beweisend\w+)\b
    |\b(?:negativ(?:e[rnsm]?)?)\ (?=(?:[tpu]|qrs|delta|deflection|concordan\w*|initial|terminal
        |wave|welle\w*|polarity|konkordan\w*|praekordial|precordial)\b)
    |(?<=\b[tpu]\ )(?:waves?\ |wellen?\ )?negativ\w*
    |\bnegativ\w*\ (?=in\b)
    # What is missing is the finding, or only how well it is known.
    |\b(?:lack\w*|short(?:age)?|starved)\ (?:of\ )?(?=(?:oxygen|blood)\b)
    # At the end only: "no reason for AF" denies.
    |\b(?:no|without)\ (?:an?\ |any\ )?(?:(?:clear|definite|obvious|particular|specific
        |typical)\ )?(?=(?:place|territory|location|pattern|meaning|significance|reason|order)\s*$)
    |\binstead\ of\ (?=(?:beating|contracting|pumping)\b)
    |\bno\ longer\ (?=conduct\w*)
    |\bno\ (?=conduction\ (?:through|to|into|in|via|between|across|down)\b)
    |\b(?:do|does|did)\ not\ (?=(?:conduct|recharge|recover|get\ enough|get\ through)\b)
    |\b(?:prov(?:es?|ing)|means?|say(?:s|ing)?)\ nothing\s*$""",
    re.VERBOSE,
)
_NEGATING_WORD = re.compile(
    r"""\b(?:
    no|not|non\w*|none|nor|neither|never|nothing|nil|nope|with\ ?out|w\ o(?:ut)?|cannot|sans
    |(?:do|does|did|is|are|was|were|has|have|had|ca|can|could|would|should|wo|need|must|ai|might)
     \ ?n\ ?t
    |absen(?:t\w*|ce\w*)|lack\w*|missing|exclu\w*|rul(?:e|ed|es|ing)\ out|r\ o|negativ\w*|neg
    |negate\w*|den(?:y|ies|ied|ying)|free|devoid|unlikely|improbabl\w*|doubt\w*|dubious|un|undetect\w*
    |(?:less|least|little|low)\ (?:likely|probab\w*|suspicion|chance)
    |(?:any|every)\ ?thing\ but|all\ but|sauf|tranne|eccetto|excepto|exceto|behalve
    # What was, and is no more.
    |resolved|terminated|ceased|disappeared|(?:cardio|con|re)verted|former(?:ly)?
    |verschwunden\w*|konvertiert\w*|kardiovertiert\w*|ehemalig\w*
    |except\w*|unless|rather\ than|instead|other\ than|opposite|opposed|apart|against|minus
    |hardly|fail\w*\ to\ (?:show|demonstrate|reveal|meet)|false|disprov\w*|refut\w*
    |kein\w*|nicht\w*|nie|niemals|nirgend\w*|weder|ohne|(?:aus|zum\ aus)schluss|ausgeschlossen\w*
    |aus(?:zu)?schliess\w*|fehl(?:t|en|end\w*)|abwesen\w*|nein|unwahrscheinlich\w*|weniger|verneint
    |frei|\w+frei|statt|anstatt|anstelle|ausser|widerlegt|falsch|entfaellt|o|ø
    |pas|aucun\w*|sin|ningun\w*|senza|nessun\w*|geen|niet|zonder|sem|nao|ikke|ingen|inget|utan
    |inte|brak|bez
    )\b""",
    re.VERBOSE,
)
_NEGATING_SYMBOL = re.compile(
    r"""[¬≠∅✗✘✕✖❌❎🚫⛔\u0334-\u0338]|s\u0304
    |^\s*[!~∼\-−–—]|[\-−–—]\s*+(?:ve\s*+)?$|[(\[]\s*+[\-−–—]\s*+(?:ve\s*+)?[)\]]
    |[=:]\s*+(?:0(?![.,\d])|n\b|f\b)""",
    re.VERBOSE | re.IGNORECASE,
)
# "Cannot be excluded", in the languages whose "no" is read as a denial of what follows.
_DENIED_DENIAL = re.compile(
    r"""\b(?:no\ (?:se\ )?(?:pued\w+\ )?(?:descart\w+|exclu\w+)
    |ne\ peu\w*\ (?:pas\ )?(?:etre\ )?exclu\w*|non\ (?:si\ )?(?:puo|possono)\ (?:essere\ )?esclu\w+
    |nao\ (?:se\ )?(?:pode\w*\ )?(?:exclu\w+|descart\w+)|niet\ uit\ te\ sluiten)\b""",
    re.VERBOSE,
)
_GLUED = re.compile(r"^(?:no|not|non|nicht|kein(?:e[nmrs]?)?|ohne|without)(?=\w)")
_PREFIX = re.compile(r"^(?:non|nicht) (.+)$")
_LACK = _pattern(r"^(?:the\s|das\s)?(?:lack|fehl)")
_NOT_A_WORD = re.compile(r"[\W_]+")

_LINK = re.compile(
    r"""[;|&+—]|\s[-–−]\s|\.\s|/
    |\b(?:and|or|with|plus|but|then|only|both|either|because|since|when|if|while|although|though
    |is|are|was|were|that|which|who|ist|sind|wird|werden
    |und|oder|mit|sowie|bzw|beziehungsweise|dann|aber|sondern|nur|wenn|weil|obwohl)\b""",
    re.VERBOSE | re.IGNORECASE,
)


def plainer_forms(text: str) -> Iterator[str]:
    """The text, and what is left as words of doubt, "rule out" and fillers go one after another.

    Args:
        text: A query, or what is left of one.

    Yields:
        Ever shorter forms without quotes and question marks at either end; the last says only
        what is asked for, and is empty if nothing else was said.
    """
    text = text.strip(_EDGES)
    yield text
    for _ in range(_MOST_ROUNDS):
        before = text
        for pattern in (_DOUBT_BEFORE, _RULE_OUT, _OPENING, _DOUBT_AFTER, _CLOSING):
            shorter = pattern.sub("", text).strip(_EDGES)
            if shorter != text:
                text = shorter
                yield text
        if text == before:
            return


def negated_terms(text: str) -> tuple[str, ...]:
    """What a plainly negated text may negate: what follows a negation, what comes before one.

    Args:
        text: A query without doubt and fillers.

    Returns:
        The terms, which may themselves hold a negation; empty if it is not a plain negation.
    """
    matches = (_NEGATED_AFTER.match(text), _NEGATED_BEFORE.match(text))
    return tuple(match["term"] for match in matches if match)


def names_something(text: str) -> bool:
    """Whether the text holds more than words of doubt, of evidence and of grammar."""
    return any(c.isalnum() for c in text) and _NAMES_NOTHING.match(text) is None


def may_describe_finding(text: str) -> bool:
    """Whether the text may describe a finding by what is missing, as in "lack of blood flow"."""
    return _LACK.match(text) is not None


def asks_to_rule_out(text: str) -> bool:
    """Whether the text opens with "rule out" or its German counterpart."""
    return _RULE_OUT.match(text) is not None


def holds_negating_word(text: str) -> bool:
    """Whether any word of the text may negate something."""
    words = _NOT_A_WORD.sub(" ", fold_characters(text))
    return _NEGATING_WORD.search(_NOT_A_NEGATION.sub(" ", words)) is not None


def denies_a_denial(text: str) -> bool:
    """Whether a text says in French, Spanish, Italian, Dutch or Portuguese: not to be excluded."""
    return _DENIED_DENIAL.search(fold_characters(text)) is not None


def holds_negating_symbol(text: str) -> bool:
    """Whether the text says "not" by a sign: a crossed-out or a minus sign, "AF (-)", "= 0"."""
    return _NEGATING_SYMBOL.search(text) is not None


def terms_after_prefix(text: str) -> tuple[str, ...]:
    """What follows a negation that is joined to its word, as in "noLBBB" and "non-LBBB"."""
    words = _NOT_A_WORD.sub(" ", fold_characters(text)).strip()
    glued = [_GLUED.sub("", word) for word in words.split() if _GLUED.match(word)]
    return (*glued, *_PREFIX.findall(words))


def links_several(text: str) -> bool:
    """Whether the text may join several findings, so that a negation's reach is unclear."""
    return _LINK.search(text) is not None


def holds_list(text: str) -> bool:
    """Whether the text is punctuated like a list or like two sentences."""
    return re.search(r"[,;|+]|\.\s", text) is not None
