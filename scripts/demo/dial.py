"""`python -m scripts.demo.dial`: one call through the running demo, and what the caller heard."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.demo.callsheet import Call, seconds
from scripts.demo.children import Children
from scripts.demo.places import HOME, DemoFault, remembered
from scripts.demo.sockets import require_free
from scripts.demo.telephones import Outside
from service.faults import Fault


def _talk(value: str) -> int:
    try:
        return seconds(value)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from fault


def main() -> int:
    """Exit codes: 0 the call was answered, 1 it was not, or a fault that was told."""
    parser = argparse.ArgumentParser(prog="scripts/call", description="A call through the running demo.")
    parser.add_argument("trunk", help="of setup.yaml")
    parser.add_argument("number", help="what it dials")
    parser.add_argument("seconds", nargs="?", type=_talk, default=5000, help="after which it hangs up (default: 5)")
    parser.add_argument("--dir", type=Path, default=HOME / ".run", help="of the demo, if it was given one")
    found = parser.parse_args()
    try:
        return dial(found.dir.resolve(), Call("call", found.trunk, found.number, found.seconds, "493012345", {}))
    except Fault as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def dial(folder: Path, call: Call) -> int:
    """Makes the call and tells. Raises Fault."""
    scenarios, proxy, trunks = remembered(folder)
    if call.trunk not in trunks:
        raise DemoFault(f"the demo has no trunk {call.trunk!r}: one of {', '.join(trunks) or 'none'} was expected")
    require_free(trunks[call.trunk], f"trunk {call.trunk}", "it makes one call at a time here: wait for its end")
    with Children() as children:
        _, heard = Outside(children, scenarios, folder / "logs", proxy).dial(call, trunks[call.trunk], "called/caller")
    if heard.answered_ms is None:
        print(heard.status or "no answer at all: is the demo still up?")
        return 1
    talked_ms = heard.talked_ms
    print("200 OK; " + ("talked on" if talked_ms is None else f"talked for {talked_ms / 1000:.3f} s"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
