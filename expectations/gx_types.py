"""The three expectation types of our suites, as Great Expectations knows its own: rows, share filled, share distinct.

GX has its own for each, and asks the table three times for them: rows, the rest, and the filled rows once more for the
distinct share. Each of these is one aggregate with the same columns as its dependency, so that GX puts a whole suite
into one query (`make bench-suites`). Importing this imports GX.
"""

from typing import Any

from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.column_aggregate_metric_provider import (
    ColumnAggregateMetricProvider,
    column_aggregate_partial,
)
from sqlalchemy import ColumnElement, Double, cast, distinct, func

ROWS, FILLED_SHARE, DISTINCT_SHARE = "reported.rows", "reported.filled_share", "reported.distinct_share"


def _share(part: ColumnElement[int], whole: ColumnElement[int]) -> ColumnElement[float]:
    """Return part ÷ whole; of nothing, all is as it should be."""
    return func.coalesce(cast(part, Double) / func.nullif(whole, 0), 1.0)


class _Reported(ColumnAggregateMetricProvider):
    """An aggregate that needs no count of the table beforehand, as GX's own do."""

    @classmethod
    def _get_evaluation_dependencies(cls, *args: Any, **kwargs: Any) -> dict:
        dependencies = super()._get_evaluation_dependencies(*args, **kwargs)
        del dependencies["table.row_count"]
        return dependencies


class Rows(_Reported):
    """How many rows there are, whatever the column."""

    metric_name = ROWS

    @column_aggregate_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: ColumnElement[Any], **_: Any) -> ColumnElement[int]:
        return func.count()


class FilledShare(_Reported):
    """The share of the rows, 0 to 1, that have a value."""

    metric_name = FILLED_SHARE

    @column_aggregate_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: ColumnElement[Any], **_: Any) -> ColumnElement[float]:
        return _share(func.count(column), func.count())


class DistinctShare(_Reported):
    """The number of different values by that of rows with a value, 0 to 1."""

    metric_name = DISTINCT_SHARE

    @column_aggregate_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: ColumnElement[Any], **_: Any) -> ColumnElement[float]:
        return _share(func.count(distinct(column)), func.count(column))


class _Between(ColumnAggregateExpectation):
    """A metric of a column has to lie between two bounds, both included; None is no bound."""

    min_value: float | None = None
    max_value: float | None = None
    success_keys = ("min_value", "max_value")
    _built: ExpectationConfiguration | None = PrivateAttr(None)

    @property
    def configuration(self) -> ExpectationConfiguration:
        """What is asked, in GX's own terms; it asks for it forty times over, and would build it each time."""
        if self._built is None:
            self._built = super().configuration
        return self._built

    def _validate(
        self, metrics: dict, runtime_configuration: dict | None = None, execution_engine: Any = None
    ) -> dict:
        (name,) = self.metric_dependencies
        return self._validate_metric_value_between(
            metric_name=name,
            metrics=metrics,
            runtime_configuration=runtime_configuration,
            execution_engine=execution_engine,
        )


class ExpectReportedRowsToBeBetween(_Between):
    """How many rows the source reports; any column that exists serves."""

    metric_dependencies = (ROWS,)


class ExpectReportedFilledShareToBeBetween(_Between):
    """How much of a column is filled."""

    metric_dependencies = (FILLED_SHARE,)


class ExpectReportedDistinctShareToBeBetween(_Between):
    """How much of what is filled is unlike the rest."""

    metric_dependencies = (DISTINCT_SHARE,)
