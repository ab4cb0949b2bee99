"""Write the tables of `contributing/connection-state.md` from those in the code.

Run it after a change of a table: `python docs/connection_states.py`. A test runs it, too.
"""

import re
from enum import Enum
from pathlib import Path

from quart.asgi import client, sending, work

PAGE = Path(__file__).parent / "contributing" / "connection-state.md"
MACHINES: dict[str, tuple[type[Enum], dict[Enum, set[Enum]]]] = {
    "client": (client.ClientState, client.MOVES),
    "work": (work.WorkState, work.MOVES),
    "answer": (sending.Sent, sending.MOVES),
}


def diagram(states: type[Enum], moves: dict[Enum, set[Enum]]) -> str:
    """For each state a line with an arrow to those that may follow, and one for what it means."""
    width = max(len(state.name) for state in states)
    lines = []
    for state in states:
        after = ", ".join(each.name for each in states if each in moves[state])
        arrow = f"-> {after}" if after else "(the last)"
        lines += [f"    {state.name:{width}} {arrow}", f"    {'':{width}}    {state.value}"]
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with each diagram as the tables have it now."""
    for name, machine in MACHINES.items():
        begin, end = f"<!-- diagram: {name} -->", "<!-- end -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        assert re.search(pattern, page, re.DOTALL), f"the page has no place for {name}"
        text = f"{begin}\n\n{diagram(*machine)}\n\n{end}"
        page = re.sub(pattern, lambda _, text=text: text, page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
