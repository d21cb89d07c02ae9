"""What the shared parts count, by the names that the dashboards know (GET /metrics)."""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client has no annotation here

RECORDS = Counter(
    "datacloud_records_total",
    "Kafka records by what became of them; `received` counts each once, at reception.",
    ("subscription", "outcome"),
)
OUTBOX_DEPTH = Gauge(
    "datacloud_outbox_depth", "Facts and people records that wait to be sent.", ("service",)
)
BLOCKED_STREAMS = Gauge(
    "datacloud_blocked_streams",
    "Streams that wait behind a bad or missing record.",
    ("subscription",),
)
BLOCKED_SECONDS = Gauge(
    "datacloud_blocked_oldest_seconds",
    "How long the oldest of the records that block a stream has waited.",
    ("subscription",),
)
SCHEDULED_BACKLOG = Gauge(
    "datacloud_scheduled_backlog", "Due work that has not been done yet.", ("kind",)
)
EFFECTS = Counter(
    "datacloud_effects_total", "Deadlines, mails and platform calls, by result.", ("kind", "result")
)
HTTP_REQUESTS = Counter(
    "datacloud_http_requests_total", "HTTP requests answered.", ("method", "route", "status")
)
HTTP_REQUEST_SECONDS = Histogram(
    "datacloud_http_request_seconds",
    "Seconds from the request's head to the end of its answer.",
    ("method", "route"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition() -> bytes:
    """Every metric of this process in the Prometheus text format."""
    return generate_latest()
