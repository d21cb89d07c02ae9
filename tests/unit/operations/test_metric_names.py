"""The names that dashboards and the runbook rely on."""

from shared.operations import metrics


def test_the_metrics_have_these_names() -> None:
    metrics.RECORDS.labels("intake.reviews", "applied").inc()
    metrics.OUTBOX_DEPTH.labels("intake").set(1)
    metrics.BLOCKED_STREAMS.labels("intake.reviews").set(0)
    metrics.SCHEDULED_BACKLOG.labels("deadline").set(0)
    metrics.EFFECTS.labels("mail", "done").inc()
    metrics.HTTP_REQUESTS.labels("GET", "/", "200").inc()
    metrics.HTTP_REQUEST_SECONDS.labels("GET", "/").observe(0.1)
    exposed = metrics.exposition().decode()
    for name in (
        'datacloud_records_total{outcome="applied",subscription="intake.reviews"}',
        'datacloud_outbox_depth{service="intake"}',
        'datacloud_blocked_streams{subscription="intake.reviews"}',
        'datacloud_scheduled_backlog{kind="deadline"}',
        'datacloud_effects_total{kind="mail",result="done"}',
        'datacloud_http_requests_total{method="GET",route="/",status="200"}',
        'datacloud_http_request_seconds_count{method="GET",route="/"}',
    ):
        assert f"\n{name} " in exposed
    assert "_created" not in exposed
