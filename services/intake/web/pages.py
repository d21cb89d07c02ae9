"""The published standard, and the page where a PD follows its request."""

from functools import partial
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from services.intake import views
from services.intake.web.api import Desk
from shared.web.pages import Pages, status_routes

WORDS = {
    "request": "permintaan",
    "submitted": "terdaftar, menunggu kajian",
    "resubmitted": "berkas dilengkapi, menunggu kajian",
    "returned": "dikembalikan untuk dilengkapi",
    "approved": "disetujui, akun sedang diaktifkan",
    "activation_failed": "akun belum dapat diaktifkan, sedang ditangani",
    "active": "akun aktif, surat konfirmasi sedang dikirim",
    "confirmed": "selesai, surat konfirmasi telah dikirim",
    "rejected": "tidak dapat disetujui",
    "withdrawn": "ditarik oleh perangkat daerah",
    "set_aside": "dikesampingkan oleh petugas",
    "deadline_breached": "batas waktu terlampaui",
    "deadline_breach_revoked": "pelampauan batas waktu dibatalkan",
}


def routes(desk: Desk) -> APIRouter:
    """The pages of intake."""
    pages = Pages(Path(__file__).parents[1] / "templates")
    find = partial(views.find_request, desk.unit.pool)
    router = APIRouter()
    router.include_router(status_routes(pages, desk.keys, "request", find, WORDS))

    @router.get("/")
    async def standard() -> HTMLResponse:
        return pages.page("standard.html", standard=desk.standard)

    return router
