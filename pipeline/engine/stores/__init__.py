"""Where a lane's states are kept: in memory, or in RocksDB for many customers."""
