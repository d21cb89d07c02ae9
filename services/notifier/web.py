"""HTTP in: is this letter real. The page tells true or false and nothing personal."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from services.notifier import views
from shared.event_sourcing.database import Pool
from shared.web.problems import not_found
from shared.web.tracking import CaseKind, TrackingKeys

LETTER: CaseKind = "letter"
LENGTH_MAX = 100
_PAGE = """<!doctype html><html lang="id"><meta charset="utf-8"><title>Verifikasi surat</title>
<main><h1>Verifikasi surat konfirmasi</h1><p>{verdict}</p></main></html>"""
_REAL = "Surat ini benar diterbitkan oleh Diskominfo Provinsi Kalimantan Barat."
_NOT_REAL = "Surat dengan nomor dan kode ini tidak pernah kami terbitkan."


@dataclass(frozen=True, slots=True)
class Counter:
    """What the routes work with; made by the composition root."""

    pool: Pool
    keys: TrackingKeys


def routes(counter: Counter) -> APIRouter:
    """The verification page."""
    router = APIRouter()

    @router.get("/surat/verifikasi")
    async def verify(nomor: str = "", kode: str = "") -> HTMLResponse:
        if not 0 < len(nomor) <= LENGTH_MAX or len(kode) > LENGTH_MAX or not nomor.isprintable():
            raise not_found()
        letter_id = await views.find_letter_id(counter.pool, nomor)
        real = letter_id is not None and counter.keys.opens(kode, LETTER, letter_id)
        return HTMLResponse(_PAGE.format(verdict=_REAL if real else _NOT_REAL))

    return router
