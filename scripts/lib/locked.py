"""uv.lock on standard input as pip's requirements on standard output, for machines without uv.

Every package that ours needs, and with `--test` what the tests need, each at its locked version with its hashes.
Needs Python 3.11's standard library and nothing else.
"""

import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

OURS = "kambill"

Package = dict[str, Any]


def needed(packages: list[Package], *, test: bool) -> dict[int, set[str]]:
    """By position in `packages`: the markers under which ours needs it; an empty one means always."""
    ours = next(package for package in packages if package["name"] == OURS)
    roots = ours.get("dependencies", []) + (ours.get("dev-dependencies", {}).get("dev", []) if test else [])
    found: dict[int, set[str]] = defaultdict(set)
    ahead = [(edge, "") for edge in roots]
    while ahead:
        edge, above = ahead.pop()
        marker = " and ".join(part for part in (above, f"({edge['marker']})" if "marker" in edge else "") if part)
        for at, package in enumerate(packages):
            if package["name"] != edge["name"] or edge.get("version", package["version"]) != package["version"]:
                continue
            if marker in found[at] or "" in found[at]:
                continue
            found[at].add(marker)
            extras = (package.get("optional-dependencies", {}).get(extra, []) for extra in edge.get("extra", ()))
            ahead += [(one, marker) for one in package.get("dependencies", [])]
            ahead += [(one, marker) for group in extras for one in group]
    return found


def requirement(package: Package, markers: set[str]) -> str:
    """One line of pip's."""
    line = f"{package['name']}=={package['version']}"
    if "" not in markers:
        line += " ; " + " or ".join(sorted(markers))
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    return " ".join([line, *(f"--hash={file['hash']}" for file in files)])


def requirements(lock: str, *, test: bool) -> Iterator[str]:
    """The lines for a lock's text."""
    packages: list[Package] = tomllib.loads(lock)["package"]
    for at, markers in sorted(needed(packages, test=test).items()):
        yield requirement(packages[at], markers)


if __name__ == "__main__":
    print("\n".join(requirements(sys.stdin.read(), test="--test" in sys.argv)))
