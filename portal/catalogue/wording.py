"""Finds what a text about a health service must not say in Australia (National Law s 133, TGA on medicines). Pure.

It looks for words and cannot read: whoever publishes looks at each find and decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Find:
    """The words as they stand there, and why they are a matter."""

    words: str
    why: str


@dataclass(frozen=True)
class Rule:
    pattern: re.Pattern[str]
    why: str


def _rule(words: str, why: str) -> Rule:
    return Rule(re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), why)


MEDICINES = (
    "semaglutide|ozempic|wegovy|rybelsus|liraglutide|saxenda|victoza|tirzepatide|mounjaro|dulaglutide|trulicity"
    "|phentermine|duromine|metermine|contrave|naltrexone|bupropion|orlistat|xenical|metformin|topiramate|dexamfetamine"
    "|botox|dysport|medicinal cannabis|cannabidiol|melatonin|ketamine|testosterone|thyroxine"
)
RULES = (
    _rule(
        r"testimonials?|(?:client|patient|customer)s? (?:reviews?|stor(?:y|ies)|say)|success stor(?:y|ies)"
        r"|(?:five|5)[- ]stars?|rated|changed my life|what our (?:clients|patients) say",
        "Testimonials and ratings may not advertise a health service.",
    ),
    _rule(r"cur(?:e|es|ed|ing)|heals?|reverses? (?:disease|diabetes|illness)", "A promise to cure is not allowed."),
    _rule(
        r"guarant\w+|100 ?%|risk[- ]free|no side[- ]effects|completely safe|proven results|miracle|always works",
        "A result cannot be guaranteed, and no treatment is free of risk.",
    ),
    _rule(r"before[- ](?:and|&)[- ]after|before/after", "Before-and-after comparisons mislead about what to expect."),
    _rule(MEDICINES, "Prescription medicines may not be advertised to the public, also by name."),
    _rule(
        r"(?:los(?:e|es|ing)|drop|shed)\W+(?:up to |at least )?\d+\s?(?:kg|kgs|kilos?|kilograms?|dress sizes?|%)"
        r"|\d+\s?(?:kg|kgs|kilos?|kilograms?)\W+(?:in|within|weight loss|lighter|off)",
        "An amount of weight cannot be promised. This page sells a consultation.",
    ),
    _rule(
        r"hurry|last chance|limited time|only \d+ (?:places?|spots?|left)|act now|don[’']?t miss out"
        r"|ends (?:today|soon)|book now before|today only|while (?:places|spots) last",
        "Urgency pushes people into treatment that they may not need.",
    ),
    _rule(
        r"best (?:clinic|practitioners?|treatment)|number one|no\. ?1|world[- ]class|leading experts?",
        "A comparison with others needs proof that everybody can check.",
    ),
)


def finds(text: str) -> Iterator[Find]:
    """Each rule that a text touches, once, with the words that do it."""
    for rule in RULES:
        hit = rule.pattern.search(text)
        if hit is not None:
            yield Find(hit.group(), rule.why)
