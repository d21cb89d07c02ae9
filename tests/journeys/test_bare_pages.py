"""What people see without signing in: the published standard, and where their case stands (P9)."""

from tests.support.system import People


async def test_the_start_page_is_the_published_standard(everybody: People) -> None:
    page = await everybody.patiently("GET", "/")
    assert page.status_code == 200
    for part in ("Persyaratan", "Prosedur", "Waktu", "Biaya", "Produk", "Pengaduan"):
        assert part.lower() in page.text.lower()


async def test_the_status_page_opens_with_the_code_and_with_nothing_else(everybody: People) -> None:
    listed = (await everybody.patiently("GET", "/api/agencies")).json()
    receipt = (await everybody.submit(listed[20])).json()
    path = f"/permintaan/{receipt['request_id']}"
    assert receipt["status_url"].endswith(path)
    asked = await everybody.patiently("GET", path)
    assert "Kode pelacakan" in asked.text
    assert receipt["registration_number"] not in asked.text

    refused = await everybody.patiently("POST", path, data={"kode": "k1-nonsense"})
    assert refused.status_code == 404
    assert receipt["registration_number"] not in refused.text
    shown = await everybody.patiently("POST", path, data={"kode": receipt["tracking_code"]})
    assert shown.status_code == 200
    assert receipt["registration_number"] in shown.text
    assert "menunggu kajian" in shown.text
    assert receipt["tracking_code"] not in shown.text


async def test_a_complainant_follows_the_complaint(everybody: People) -> None:
    filed = await everybody.patiently(
        "POST",
        "/api/complaints",
        headers={"Idempotency-Key": "one-of-the-pages"},
        json={"channel": "contact_page", "narrative": "Lambat sekali.", "anonymous": True},
    )
    path = f"/pengaduan/{filed.json()['complaint_id']}"
    shown = await everybody.patiently("POST", path, data={"kode": filed.json()["tracking_code"]})
    assert filed.json()["registration_number"] in shown.text
    assert "Lambat sekali" not in shown.text
