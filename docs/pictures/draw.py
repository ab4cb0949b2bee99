"""Draws the pictures of the documentation: `python docs/pictures/draw.py` makes SVG of each text.

A line `a -> b: label` is an arrow, `[lane]` begins a column, and any other line is a box in it:
`name | first line | second line`. Boxes stand below one another in the order of the lines, in the
row that follows the one before, whatever its column; `name @3 | ...` names the row.
"""

import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, GAP, ROW, TOP = 250, 52, 100, 84, 64

STYLE = (
    "text{font:15px system-ui,Segoe UI,Helvetica,Arial,sans-serif;fill:#17353a}"
    ".small{font-size:12px;fill:#4a6a6e}.lane{font-weight:700;fill:#1f6f78}"
    ".label{font-size:12px;fill:#1f6f78}"
    "rect.box{fill:#eef7f6;stroke:#1f6f78;stroke-width:1.5}"
    "path{fill:none;stroke:#1f6f78;stroke-width:1.8}"
)


@dataclass
class Box:
    """A box: where it stands, and its lines of text."""

    column: int
    row: int
    lines: list[str]

    @property
    def left(self) -> int:
        return 20 + self.column * (WIDTH + GAP)

    @property
    def top(self) -> int:
        return TOP + self.row * ROW

    @property
    def middle(self) -> int:
        return self.left + WIDTH // 2


@dataclass
class Picture:
    """What a text describes."""

    lanes: list[str] = field(default_factory=list)
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: list[tuple[str, str, str]] = field(default_factory=list)


def read(text: str) -> Picture:
    """The picture that a text describes. Raises ValueError for an arrow to no box."""
    picture, row = Picture(), -1
    for line in filter(None, map(str.strip, text.splitlines())):
        if arrow := re.fullmatch(r"(\w+) -> (\w+)(?:: (.*))?", line):
            picture.arrows.append((arrow[1], arrow[2], arrow[3] or ""))
        elif lane := re.fullmatch(r"\[(.*)\]", line):
            picture.lanes.append(lane[1])
        else:
            head, *lines = filter(None, map(str.strip, line.split("|")))
            name, _, place = head.partition(" @")
            row = int(place) if place else row + 1
            picture.boxes[name] = Box(len(picture.lanes) - 1, row, lines)
    for start, end, _ in picture.arrows:
        if not {start, end} <= picture.boxes.keys():
            raise ValueError(f"There is no box for the arrow {start} -> {end}.")
    return picture


def svg(text: str, title: str) -> str:
    """The picture as SVG."""
    picture = read(text)
    width = 20 + len(picture.lanes) * (WIDTH + GAP) - GAP + 20
    height = TOP + (max(box.row for box in picture.boxes.values()) + 1) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(title)}"><style>{STYLE}</style>',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7"'
        ' markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10"/></marker></defs>',
        f'<rect width="{width}" height="{height}" rx="10" fill="#fff"/>',
    ]
    for column, lane in enumerate(picture.lanes):
        middle = Box(column, 0, []).middle
        parts.append(f'<text class="lane" x="{middle}" y="36" {CENTRE}>{escape(lane)}</text>')
    parts += [arrow(picture.boxes[a], picture.boxes[b], label) for a, b, label in picture.arrows]
    parts += [drawn(box) for box in picture.boxes.values()]
    return "\n".join([*parts, "</svg>", ""])


CENTRE = 'text-anchor="middle"'


def drawn(box: Box) -> str:
    first = box.top + (22 if len(box.lines) > 1 else 31)
    lines = [
        f'<text{" class=small" if number else ""} x="{box.middle}" y="{first + 18 * number}"'
        f" {CENTRE}>{escape(line)}</text>".replace("class=small", 'class="small"')
        for number, line in enumerate(box.lines)
    ]
    place = f'x="{box.left}" y="{box.top}" width="{WIDTH}" height="{HEIGHT}" rx="8"'
    return f'<rect class="box" {place}/>' + "".join(lines)


def arrow(start: Box, end: Box, label: str) -> str:
    if start.column == end.column:
        x, y1, y2 = start.middle, start.top + HEIGHT, end.top
        line, place = f"M{x} {y1}V{y2 - 2}", (x + 8, (y1 + y2) // 2 + 4, "start")
    else:
        right = end.column > start.column
        x1 = start.left + WIDTH if right else start.left
        x2 = end.left - 2 if right else end.left + WIDTH + 2
        y1, y2 = start.top + HEIGHT // 2, end.top + HEIGHT // 2
        turn = (x1 + x2) // 2
        line, place = f"M{x1} {y1}H{turn}V{y2}H{x2}", (turn, min(y1, y2) - 6, "middle")
    x, y, anchor = place
    text = f'<text class="label" x="{x}" y="{y}" text-anchor="{anchor}">{escape(label)}</text>'
    return f'<path d="{line}" marker-end="url(#tip)"/>' + (text if label else "")


def main() -> None:
    for source in sorted(HERE.glob("*.txt")):
        title, _, text = source.read_text().partition("\n")
        source.with_suffix(".svg").write_text(svg(text, title))


if __name__ == "__main__":
    main()
