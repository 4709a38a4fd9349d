"""Real Kafka brokers for the tests, one or three, without Docker."""

import base64
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.services.kafka_jars import kafka_libs
from tests.services.process import (
    ServiceFailedError,
    ServiceProcess,
    free_ports,
    port_answers,
    wait_until,
)

START_SECONDS = 90.0
_HERE = Path(__file__).parent
# A quick start matters more than peak speed: one compiler tier, the simplest collector.
_JVM_OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Broker:
    """One node, broker and controller at once: stop it, kill it, freeze it, start it again."""

    def __init__(
        self, *, node_id: int, port: int, folder: Path, libs: Path, jvm_options: Sequence[str]
    ) -> None:
        self.node_id = node_id
        self.port = port
        self.properties = folder / "server.properties"
        self._java = [
            *("java", *jvm_options, "-Djava.net.preferIPv4Stack=true"),
            f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
            *("-cp", f"{libs}/*"),
        ]
        self.process = ServiceProcess(
            [*self._java, "kafka.Kafka", self.properties], log=folder / "broker.log"
        )

    @property
    def bootstrap(self) -> str:
        """``host:port`` of this node, for a client's ``bootstrap_servers``."""
        return f"127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its process exists."""
        return self.process.running

    def format(self, cluster_id: str) -> None:
        """Prepare the node's data folder: once, before the first start."""
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self.properties]
        done = subprocess.run(
            [*self._java, *map(str, tool)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServiceFailedError(f"Kafka's StorageTool: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start and wait until its port answers; ``ServiceFailedError`` with its log if not."""
        self.process.start()
        self.process.wait_ready(
            lambda: port_answers(self.port),
            seconds=START_SECONDS,
            what=f"broker {self.node_id} listens on port {self.port}",
        )

    def stop(self) -> None:
        """SIGTERM: hands its leaderships over and ends; killed after 30 s."""
        self.process.stop(seconds=30.0)

    def kill(self) -> None:
        """kill -9. What it wrote stays."""
        self.process.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Thaw it."""
        self.process.resume()

    def restart(self) -> None:
        """Stop and start again on the same port and data."""
        self.stop()
        self.start()


class Cluster:
    """One or three brokers with free ports in a temporary folder; a context manager.

    Leaving it ends every broker and removes the folder. Three nodes keep three copies and want
    two (``min.insync.replicas``), as in production. ``settings`` are broker properties put over
    the defaults below.
    """

    def __init__(
        self,
        size: int = 1,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        jvm_options: Sequence[str] = _JVM_OPTIONS,
    ) -> None:
        libs = kafka_libs()
        self._folder = Path(tempfile.mkdtemp(prefix="touchpoint-kafka-"))
        ports = free_ports(2 * size)
        # Not with a dash in front: Kafka's tool would take it for an option.
        self._cluster_id = "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        voters = [f"{node}@127.0.0.1:{port}" for node, port in enumerate(ports[size:], start=1)]
        self.brokers: list[Broker] = []
        for node in range(1, size + 1):
            folder = self._folder / f"node-{node}"
            folder.mkdir()
            broker = Broker(
                node_id=node,
                port=ports[node - 1],
                folder=folder,
                libs=libs,
                jvm_options=jvm_options,
            )
            own = _node_properties(broker, ports[size + node - 1], folder / "data")
            shared = _shared_properties(size) | {"controller.quorum.voters": ",".join(voters)}
            lines = [f"{name}={value}\n" for name, value in (own | shared | dict(settings)).items()]
            broker.properties.write_text("".join(lines))
            self.brokers.append(broker)

    @property
    def bootstrap(self) -> str:
        """All nodes, comma-separated, for a client's ``bootstrap_servers``."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def __enter__(self) -> Self:
        try:
            self._each(lambda broker: broker.format(self._cluster_id))
            self.heal()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def heal(self) -> None:
        """Start what is down, thaw what is frozen, and wait until all nodes serve."""
        for broker in self.brokers:
            if broker.running:
                broker.resume()
        self._each(Broker.start)
        self.wait_ready()

    def wait_ready(self, *, seconds: float = START_SECONDS) -> None:
        """Wait until every node is in the cluster and unfenced, as an admin client sees it."""
        try:
            wait_until(self._all_serve, seconds=seconds, what=f"all nodes of {self.bootstrap}")
        except TimeoutError as exc:
            logs = "\n".join(broker.process.log_tail() for broker in self.brokers)
            raise ServiceFailedError(f"{exc}\n{logs}") from exc

    def kill_all(self) -> None:
        """kill -9 for every node."""
        for broker in self.brokers:
            broker.kill()

    def rolling_restart(self) -> None:
        """Restart one node after the other, each time waiting for all to serve."""
        for broker in self.brokers:
            broker.restart()
            self.wait_ready()

    def close(self) -> None:
        """End every broker and remove its data."""
        self.kill_all()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _each(self, act: Callable[[Broker], None]) -> None:
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            calls = [pool.submit(act, broker) for broker in self.brokers]
        for call in calls:
            call.result()

    def _all_serve(self) -> bool:
        try:
            admin = KafkaAdminClient(bootstrap_servers=self.bootstrap.split(","))
            try:
                nodes = admin.describe_cluster()["brokers"]
            finally:
                admin.close()
        except (KafkaError, OSError):
            return False
        return len(nodes) == len(self.brokers)


def _node_properties(broker: Broker, controller_port: int, data: Path) -> dict[str, str]:
    here = f"PLAINTEXT://{broker.bootstrap}"
    return {
        "node.id": str(broker.node_id),
        "listeners": f"{here},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": here,
        "log.dirs": str(data),
    }


def _shared_properties(size: int) -> dict[str, str]:
    """Settings of every node: production's guarantees, a test's haste."""
    enough = str(min(size, 2))
    return {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "default.replication.factor": str(size),
        "min.insync.replicas": enough,
        "offsets.topic.replication.factor": str(size),
        "transaction.state.log.replication.factor": str(size),
        "transaction.state.log.min.isr": enough,
        "share.coordinator.state.topic.replication.factor": str(size),
        "share.coordinator.state.topic.min.isr": enough,
        # 50 partitions each by default: seconds of disk work at the first group and transaction.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "auto.create.topics.enable": "false",  # a misspelt topic is an error
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
    }
