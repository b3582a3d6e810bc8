"""What makes a page another one, so that it is looked at, and what doesn't."""

from __future__ import annotations

import pytest

from tests.portal.shapes import new_ones, shapes_of

MARK = "<x>"
FIELD = '<label for="a">A</label><input id="a" type="text">'
PAGE = f'<main><h1>One</h1><a href="/1" class="b">Two</a><br><form>{FIELD}</form></main>'


@pytest.mark.parametrize(
    "other",
    [
        PAGE.replace("Two", "Three").replace("One", "Four"), PAGE.replace("/1", "/2"),
        PAGE.replace('"a"', '"b"'), f"{PAGE} ", PAGE.replace("</main>", "<br></main>"),
    ],
)  # fmt: skip
def test_other_words_are_no_other_page(other: str) -> None:
    """Names, numbers and addresses; nor does more of what it has make another one."""
    known = shapes_of(f"{PAGE}<main><form></form><br></main>", MARK)
    assert new_ones({"/": other}, MARK, known) == []


@pytest.mark.parametrize(
    "other",
    [
        PAGE.replace('class="b"', 'class="c"'), PAGE.replace('href="/1"', 'href="/1" title="t"'),
        PAGE.replace("Two", ""), PAGE.replace("Two", "&lt;x&gt;"), PAGE.replace("/1", "&lt;x&gt;"),
        PAGE.replace("</h1>", "</h1><h3>Deep</h3>"), PAGE.replace('for="a"', 'for="b"'),
        PAGE.replace('id="a"', 'id=""'), PAGE.replace("text", "search"), PAGE.replace("main>", "nav>"),
        PAGE.replace(FIELD, f"<p>{FIELD}</p>"), PAGE.replace("<h1>One</h1>", ""),
    ],
)  # fmt: skip
def test_what_is_made_otherwise_is_another_page(other: str) -> None:
    """A class, an attribute, nothing to read, what was typed, a step over a heading, a field that nothing names."""
    assert new_ones({"/": other}, MARK, shapes_of(PAGE, MARK)) == ["/"]


def test_a_second_page_of_a_kind_is_known() -> None:
    """The first one is looked at."""
    assert new_ones({"/1": PAGE, "/2": PAGE.replace("One", "Six")}, MARK, set()) == ["/1"]
