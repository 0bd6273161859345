"""Other readers of the same table, run by the interpreter of their own environment; nothing of Yici is imported.

Each reads table `wide` once; the first two leave Parquet, as landing does. Prints one line of JSON.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import psycopg


def with_connectorx(url: str, folder: Path) -> None:
    """connectorx in two parallel partitions, its Arrow table written by PyArrow."""
    import connectorx
    import pyarrow.parquet

    table = connectorx.read_sql(
        url, "SELECT * FROM wide", partition_on="id", partition_num=2, return_type="arrow"
    )
    pyarrow.parquet.write_table(table, folder / "wide.parquet", compression="zstd")


def with_dlt(url: str, folder: Path) -> None:
    """dlt from its SQL source to Parquet files."""
    import dlt

    _run_dlt(url, folder, dlt.destinations.filesystem(bucket_url=(folder / "out").as_uri()), "parquet")


def with_dlt_into_duckdb(url: str, folder: Path) -> None:
    """dlt from its SQL source into a DuckDB file."""
    import dlt

    _run_dlt(url, folder, dlt.destinations.duckdb(str(folder / "out" / "wide.duckdb")), "parquet")


def with_dlt_into_postgres(url: str, folder: Path) -> None:
    """dlt from its SQL source into a table of the same server, by `COPY`."""
    import dlt

    _run_dlt(url, folder, dlt.destinations.postgres(url), "csv")
    with psycopg.connect(url, autocommit=True) as con:
        con.execute("DROP SCHEMA bench_by_dlt CASCADE")


def _run_dlt(url: str, folder: Path, destination: object, file_format: str) -> None:
    """Run dlt by the quickest of its backends."""
    os.environ |= {
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    }
    import dlt
    from dlt.sources.sql_database import sql_table

    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "pipelines"),
        destination=destination,
        dataset_name="bench_by_dlt",
    )
    table = sql_table(
        credentials=url,
        table="wide",
        backend="connectorx",
        chunk_size=100_000,
        reflection_level="full_with_precision",
    )
    pipeline.run(table, loader_file_format=file_format, write_disposition="replace")


READERS = {
    "connectorx": with_connectorx,
    "dlt": with_dlt,
    "dlt into DuckDB": with_dlt_into_duckdb,
    "dlt into PostgreSQL": with_dlt_into_postgres,
}


def main() -> None:
    """Run one reader: name; the address comes by BENCH_URL, since it holds a password."""
    with tempfile.TemporaryDirectory(prefix="yici-bench-rival-") as name:
        folder = Path(name)
        (folder / "out").mkdir()
        started = time.perf_counter()
        READERS[sys.argv[1]](os.environ["BENCH_URL"], folder)
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
