"""Prints how well the palette can be read: every pair of colours that meets on a page, light and dark.

`python -m tests.shots.contrast`; exit 1 when a pair is below what WCAG 2.2 AA asks.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

STYLES = Path(__file__).resolve().parents[2] / "static" / "site-1.css"
TEXT, EDGE = 4.5, 3.0
# what stands in front, what it stands on, and the least ratio
PAIRS = (
    ("ink", "paper", TEXT),
    ("ink", "surface", TEXT),
    ("ink", "sunk", TEXT),
    ("ink", "leaf-tint", TEXT),
    ("ink", "warm-tint", TEXT),
    ("ink-soft", "paper", TEXT),
    ("ink-soft", "surface", TEXT),
    ("ink-soft", "sunk", TEXT),
    ("ink-soft", "leaf-tint", TEXT),
    ("leaf", "paper", TEXT),
    ("leaf", "surface", TEXT),
    ("leaf", "sunk", TEXT),
    ("leaf", "leaf-tint", TEXT),
    ("on-leaf", "leaf", TEXT),
    ("on-leaf", "leaf-deep", TEXT),
    ("warm-ink", "warm-tint", TEXT),
    ("warm-ink", "surface", TEXT),
    ("wrong", "paper", TEXT),
    ("wrong", "surface", TEXT),
    ("wrong", "wrong-tint", TEXT),
    ("line-strong", "paper", EDGE),
    ("line-strong", "surface", EDGE),
    ("line-strong", "warm-tint", EDGE),
)


def palettes() -> dict[str, dict[str, str]]:
    """The colour tokens of the stylesheet, as it is when light and as it is when dark."""
    found = re.findall(r":root \{(.*?)\}", STYLES.read_text(), re.DOTALL)
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in found[:2])
    return {"light": light, "dark": light | dark}


def ratio(front: str, back: str) -> float:
    """Contrast of two colours such as "#1b2a28": 1 to 21, as WCAG 2 defines it."""
    lighter, darker = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def main() -> int:
    light, dark = palettes().values()
    failed = False
    print(f"{'front':<12} {'on':<11} {'least':>5} {'light':>6} {'dark':>6}")
    for front, back, least in PAIRS:
        found = ratio(light[front], light[back]), ratio(dark[front], dark[back])
        failed |= min(found) < least
        print(f"{front:<12} {back:<11} {least:>5} {found[0]:>6.1f} {found[1]:>6.1f}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
