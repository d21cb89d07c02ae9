"""stub"""

import os, sys

a = sys.argv
os.execv(
    sys.executable,
    [
        sys.executable,
        "-m",
        "scim2_server.testserver.cli",
        "--hostname",
        "127.0.0.1",
        "--port",
        a[a.index("--port") + 1],
        "--bearer-token",
        open(a[a.index("--token-file") + 1]).read(),
    ],
)
