"""stub"""

import sys, httpx2, uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

arg = lambda n: sys.argv[sys.argv.index("--" + n) + 1]
client = httpx2.AsyncClient(timeout=60)


async def door(request):
    p = request.url.path
    s = (
        "review"
        if p.startswith(("/api/reviews", "/kajian"))
        else "complaints"
        if p.startswith(("/api/complaints", "/pengaduan"))
        else "notifier"
        if p.startswith("/surat")
        else "intake"
    )
    h = {
        k: v
        for k, v in request.headers.items()
        if k not in ("host", "content-length", "transfer-encoding", "connection")
    }
    try:
        a = await client.request(
            request.method,
            arg(s) + p,
            params=request.query_params,
            content=await request.body(),
            headers=h,
        )
    except httpx2.TransportError:
        return Response(b"{}", 503, headers={"Retry-After": "2"})
    return Response(
        a.content,
        a.status_code,
        headers={
            k: v
            for k, v in a.headers.items()
            if k not in ("content-length", "transfer-encoding", "connection")
        },
    )


app = Starlette(routes=[Route("/{p:path}", door, methods=["GET", "POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(arg("port")), log_level="warning")
