"""The service's pages and API over a kept ledger, without its tasks: nothing but what is asked is at work.

Run as a process of its own: the configuration's path, and by how many milliseconds its clock is moved.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from aiohttp import web

from scripts.benchmarks.portal.wall import move
from service.app import LINE_BYTES_MAX, Service, make_app
from service.config import Config
from service.database.engine import open_engine
from service.garbage import keep_settled


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    engine = open_engine(config.database_url)
    service = Service(config, engine)
    runner = web.AppRunner(make_app(service), access_log=None, max_line_size=LINE_BYTES_MAX, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, config.listen.host, config.listen.port).start()
    keep_settled(asyncio.get_running_loop())
    await stop.wait()
    await runner.cleanup()
    await service.close()
    await engine.dispose()


if __name__ == "__main__":
    move(int(sys.argv[2]))
    asyncio.run(_serve(Config.model_validate(json.loads(Path(sys.argv[1]).read_text()))))
