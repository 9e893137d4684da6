"""The tables of the databases: rows and bytes, measured beside the scrapes."""

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.jobs import Job
from exporter.rows import TablesUsage, TableUsage, measure_tables
from exporter.sources import Sources
from storekeeper.errors import StorekeeperError


def measure_all_tables(sources: Sources) -> TablesUsage:
    """Measure the tables of every database that answers."""
    tables: list[TableUsage] = []
    problems: list[str] = []
    for name in sources.databases.names:
        try:
            for found in measure_tables(
                sources.databases.address(name), exact_rows_below=sources.config.exporter.exact_rows_below
            ):
                if isinstance(found, str):
                    problems.append(found)
                else:
                    tables.append(found)
        except StorekeeperError as error:
            problems.append(str(error))
    return TablesUsage(tables=tuple(tables), problems=tuple(problems))


class TablesCollector:
    """Expose rows and bytes of each table of each database."""

    name = "tables"
    waits = False

    def __init__(self, sources: Sources) -> None:
        self.job: Job[TablesUsage] = Job(
            "tables",
            lambda: measure_all_tables(sources),
            interval_seconds=sources.interval_seconds,
            clock=sources.clock,
        )
        self.jobs = (self.job,)

    def collect(self) -> Collected:
        """Give the last result; a database that does not answer has no tables in it."""
        latest = self.job.latest
        labels = ("database", "table")
        rows = GaugeMetricFamily(
            "storekeeper_table_rows",
            "Rows of the table: counted up to exporter.exact_rows_below, else estimated. "
            "Measured beside the scrapes.",
            labels=labels,
        )
        size = GaugeMetricFamily(
            "storekeeper_table_size_bytes",
            "Bytes of the table with its indexes. Measured beside the scrapes.",
            labels=labels,
        )
        if latest.value is None:
            return Collected.from_latest(latest, families=(rows, size))
        for table in latest.value.tables:
            label = (table.database, table.table)
            if table.rows is not None:
                rows.add_metric(label, table.rows)
            if table.size_bytes is not None:
                size.add_metric(label, table.size_bytes)
        return Collected.from_latest(latest, families=(rows, size), problems=latest.value.problems)
