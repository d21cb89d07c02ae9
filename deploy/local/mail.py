"""stub"""

import asyncio, sys, pathlib, time, uuid
from aiosmtpd.controller import Controller


class H:
    async def handle_DATA(self, server, session, envelope):
        d = pathlib.Path(sys.argv[sys.argv.index("--directory") + 1])
        (d / f"{time.time_ns()}-{uuid.uuid4().hex}.eml").write_bytes(envelope.content)
        return "250 OK"


c = Controller(H(), hostname="127.0.0.1", port=int(sys.argv[sys.argv.index("--port") + 1]))
c.start()
import signal

signal.pause()
