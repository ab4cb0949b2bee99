"""What is made of the pages: the cheat sheet, and `llms.txt` for programs that read them."""

import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

DOCS = Path(__file__).resolve().parent
SHELVES = ("tutorials", "how-to", "discussion", "reference")
#: The longest block of the cheat sheet.
LINES = 24


def title_and_words(page: Path) -> tuple[str, str]:
    """The title of a page, and its first paragraph on one line."""
    title, _, rest = page.read_text("utf-8").partition("\n")
    rest = re.sub(r"^```.*?^```$", "", rest, flags=re.MULTILINE | re.DOTALL)
    paragraphs = (each.strip() for each in re.split(r"\n\s*\n", rest))
    words = next((each for each in paragraphs if each[:1] not in ("", "<", "|", "!", "#", ":")), "")
    return title.removeprefix("# "), re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(words.split()))


def first_block(page: Path) -> str:
    """The first Python block of a page, without its imports, cut to `LINES`."""
    match = re.search(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    code = re.sub(r"^(from|import) .*\n", "", match[1] if match else "", flags=re.MULTILINE)
    code = re.sub(r"^app = Quart\(__name__\)\n", "", code, flags=re.MULTILINE).strip("\n")
    lines = code.split("\n")
    if len(lines) > LINES:
        # To the last definition that fits.
        ends = [number for number, line in enumerate(lines[:LINES]) if not line]
        lines = lines[: ends[-1]] if ends else lines[:LINES]
    return "\n".join(lines).strip("\n")


class CheatSheet(SphinxDirective):
    """The first block of each guide, under a link to it."""

    def run(self) -> list[nodes.Node]:
        lines: list[str] = []
        for page in sorted(DOCS.glob("how-to/*.md")):
            if code := first_block(page):
                title, _ = title_and_words(page)
                lines += [f"**[{title}](../how-to/{page.name})**", "", "```python"]
                lines += [*code.split("\n"), "```", ""]
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source="cheat-sheet"), 0, node)
        return node.children


def write_llms_txt(app: Sphinx, error: Exception | None) -> None:
    """List the pages with what each is about (https://llmstxt.org)."""
    if error is not None or app.builder.format != "html":
        return
    lines = [
        "# Quart",
        "",
        "> The Flask API on asyncio: pages, JSON, websockets and event streams.",
    ]
    for shelf in SHELVES:
        lines += ["", f"## {shelf.capitalize()}", ""]
        for page in sorted((DOCS / shelf).glob("*.md")):
            if page.stem != "index":
                title, words = title_and_words(page)
                lines.append(f"- [{title}]({shelf}/{page.stem}.html): {words}")
    Path(app.outdir, "llms.txt").write_text("\n".join([*lines, ""]), "utf-8")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_directive("cheat-sheet", CheatSheet)
    app.connect("build-finished", write_llms_txt)
