"""The contender this project is: its worker, as it ships, states in RocksDB."""

import cProfile
import os
import sys
from pathlib import Path

from pipeline.adapters.kafka.settings import KafkaSettings
from pipeline.adapters.telemetry.logs import configure_logs
from pipeline.bootstrap.kafka import make_worker
from tests.bench.contender import PARTITIONS, Place, bench_policy_text, parse_place

PROFILE_VARIABLE = "TOUCHPOINT_BENCH_PROFILE"
"""Names a folder for a profile of each run's main thread; profiling slows it by half."""


def settings_of(place: Place) -> KafkaSettings:
    """The worker's defaults, at ``place``."""
    return KafkaSettings(
        bootstrap=place.bootstrap,
        prefix=place.prefix,
        partitions=PARTITIONS,
        replication=1,
        data_dir=place.data_dir,
    )


def main() -> int:
    """Serve until SIGTERM."""
    configure_logs("INFO")
    place = parse_place()
    policy = place.data_dir.with_suffix(".policy.json")
    policy.write_text(bench_policy_text(), encoding="utf-8")
    worker = make_worker(settings_of(place), policy=policy)
    folder = os.environ.get(PROFILE_VARIABLE)
    if folder is None:
        return worker.run()
    profile = cProfile.Profile()
    try:
        return profile.runcall(worker.run)
    finally:
        profile.dump_stats(Path(folder) / f"{place.prefix}prof")


if __name__ == "__main__":
    sys.exit(main())
