"""Where a key belongs: every client of the pipeline puts it on the same partition."""

from kafka.partitioner.default import murmur2


def key_partition(key: bytes, partitions: int) -> int:
    """The partition where Java's default partitioner puts ``key``."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
