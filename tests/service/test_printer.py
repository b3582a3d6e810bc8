"""PDFs are made apart from the service, which outlives them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.billing.paper import printer as printing
from service.billing.paper.electronic import electronic_pdf_of
from service.billing.paper.printer import Printer
from service.faults import Fault
from tests.service.papers import document
from tests.waiting import PATIENCE_S


@pytest.fixture
async def printer() -> AsyncIterator[Printer]:
    made = Printer()
    yield made
    made.close()


def process_of(printer: Printer) -> int:
    assert printer._pool is not None
    (process,) = printer._pool._processes
    return process


async def test_pdfs_are_those_of_this_process_and_come_in_turn(printer: Printer) -> None:
    documents = [document(number=f"N{at}") for at in range(4)]
    made = await asyncio.gather(*map(printer.pdf_of, documents))
    assert list(made) == [electronic_pdf_of(one) for one in documents]
    assert process_of(printer) != os.getpid()


async def test_a_process_that_dies_takes_one_document_with_it(printer: Printer) -> None:
    await printer.pdf_of(document())
    first = process_of(printer)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(Fault, match="invoice NT2026-00042: its PDF takes more than 60 s or 3 GiB"):
        await printer.pdf_of(document())
    assert (await printer.pdf_of(document())).startswith(b"%PDF")
    assert process_of(printer) != first


async def test_what_takes_too_long_is_ended(printer: Printer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the processor's time of one document, in the process itself."""
    await printer.pdf_of(document())
    assert printer._pool is not None
    with pytest.raises(printing.BrokenProcessPool):
        await asyncio.get_running_loop().run_in_executor(printer._pool, _endless)


def _endless() -> None:
    printing.CPU_S_MAX = 0
    printing._print(document())
    while True:
        pass


async def test_a_closed_printer_has_no_process(printer: Printer) -> None:
    printer.close()
    await printer.pdf_of(document())
    process = process_of(printer)
    printer.close()
    for _ in range(int(PATIENCE_S / 0.05)):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.05)
    pytest.fail("it is still there")


SERVICE = """
import asyncio
from service.billing.paper.printer import Printer
from tests.service.papers import document

async def serve():
    printer = Printer()
    await printer.pdf_of(document())
    print(*printer._pool._processes, flush=True)
    await asyncio.sleep(600)

if __name__ == "__main__":
    asyncio.run(serve())
"""


def _runs(process: int) -> bool:
    """Whoever has ended and was not asked for yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_killed_service_leaves_no_process(tmp_path: Path) -> None:
    """Nobody could tell it to end."""
    (tmp_path / "serving.py").write_text(SERVICE)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    service = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "serving.py"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert service.stdout is not None
    process = int(await service.stdout.readline())
    assert _runs(process)
    service.kill()
    await service.wait()
    for _ in range(int(PATIENCE_S / 0.1)):
        if not _runs(process):
            return
        await asyncio.sleep(0.1)
    pytest.fail("it waits for work that nobody will have")
