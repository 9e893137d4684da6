"""
The four kinds of panels that the dashboards are made of, each a description that builds the SDK's panel.

``Stat`` (one number now), ``Bars`` (numbers now, side by side), ``Lines`` (over time), ``Table``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import ClassVar, Final, TypeVar

from alerts import RUNBOOKS
from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATA_SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="$datasource")

Steps = Sequence[tuple[float | None, str]]
"""Colours from below: the first step has no lower end."""

NEUTRAL: Final[Steps] = ((None, "blue"),)
USAGE: Final[Steps] = ((None, "green"), (0.80, "yellow"), (0.90, "orange"), (0.95, "red"))
NONE_IS_GOOD: Final[Steps] = ((None, "green"), (1, "red"))
SOME_ARE_USUAL: Final[Steps] = ((None, "green"), (1, "yellow"))

ANSWERS: Final = model.ValueMap(
    options={
        "0": model.ValueMappingResult(text="down", color="red"),
        "1": model.ValueMappingResult(text="up", color="green"),
    }
)
IN_USE: Final = model.ValueMap(
    options={
        "0": model.ValueMappingResult(text="broken", color="red"),
        "1": model.ValueMappingResult(text="yes", color="green"),
    }
)
MORE_THAN_A_YEAR: Final = model.RangeMap(
    options=model.DashboardRangeMapOptions(
        from_val=365 * 86400, to=1e18, result=model.ValueMappingResult(text="more than a year", color="green")
    )
)
NEVER: Final = model.SpecialValueMap(
    options=model.DashboardSpecialValueMapOptions(
        match=model.SpecialValueMatch.NULL_AND_NAN,
        result=model.ValueMappingResult(text="never", color="red"),
    )
)
Meaning = model.ValueMap | model.RangeMap | model.SpecialValueMap

SdkPanel = TypeVar("SdkPanel", stat.Panel, bargauge.Panel, timeseries.Panel, table.Panel)


@dataclass(frozen=True, kw_only=True)
class Query:
    """One expression; ``legend`` names its series with ``{{label}}``, ``steps`` colours this query alone."""

    expression: str
    legend: str = ""
    steps: Steps | None = None


@dataclass(frozen=True, kw_only=True)
class Panel(Builder[model.Panel]):
    """
    What every panel says: its question (title), how to read it (description), queries, unit and place.

    ``width`` counts the 24 columns of the grid. ``decimals`` is always given, so none is hidden by chance.
    ``runbooks`` are alerts whose pages tell what to do; ``empty`` is shown where there is no series.
    """

    instant: ClassVar[bool] = True

    title: str
    description: str
    queries: Sequence[Query]
    unit: str
    decimals: int = 0
    width: int
    height: int = 8
    steps: Steps = NEUTRAL
    meanings: Sequence[Meaning] = ()
    runbooks: Sequence[str] = ()
    empty: str = "no data yet"

    def _describe(self, panel: SdkPanel) -> SdkPanel:
        panel.title(self.title).description(self.description).datasource(DATA_SOURCE)
        panel.span(self.width).height(self.height)
        panel.unit(self.unit).decimals(self.decimals).no_value(self.empty)
        panel.mappings(list(self.meanings)).thresholds(thresholds(self.steps))
        panel.links(
            [
                dashboard.DashboardLink(f"What to do: {alert}")
                .type(model.DashboardLinkType.LINK)
                .url(RUNBOOKS[alert])
                .target_blank(True)
                for alert in self.runbooks
            ]
        )
        for letter, query in zip(ascii_uppercase, self.queries, strict=False):
            panel.with_target(self._target(query, letter=letter))
            if query.steps is not None:
                panel.override_by_query(
                    letter, [model.DynamicConfigValue("thresholds", thresholds(query.steps).build())]
                )
        return panel

    def _target(self, query: Query, *, letter: str) -> prometheus.Dataquery:
        target = prometheus.Dataquery().expr(query.expression).ref_id(letter).legend_format(query.legend)
        target.datasource(DATA_SOURCE)
        return target.instant() if self.instant else target.range()


@dataclass(frozen=True, kw_only=True)
class Stat(Panel):
    """One number for each series, as it is now."""

    height: int = 4

    def build(self) -> model.Panel:
        """Give the SDK's panel."""
        panel = self._describe(stat.Panel())
        panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        panel.color_mode(looks.BigValueColorMode.VALUE).graph_mode(looks.BigValueGraphMode.NONE)
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        return panel.build()


@dataclass(frozen=True, kw_only=True)
class Bars(Panel):
    """Horizontal bars, one for each series, up to ``maximum``."""

    maximum: float | None = None

    def build(self) -> model.Panel:
        """Give the SDK's panel."""
        panel = self._describe(bargauge.Panel()).min(0)
        if self.maximum is not None:
            panel.max(self.maximum)
        panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        panel.orientation(looks.VizOrientation.HORIZONTAL).display_mode(looks.BarGaugeDisplayMode.BASIC)
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        return panel.build()


@dataclass(frozen=True, kw_only=True)
class Lines(Panel):
    """Values over time; with ``bars``, events in each interval. Steps above the first are dashed lines."""

    instant: ClassVar[bool] = False

    minimum: float | None = 0
    maximum: float | None = None
    bars: bool = False

    def build(self) -> model.Panel:
        """Give the SDK's panel."""
        panel = self._describe(timeseries.Panel())
        if self.minimum is not None:
            panel.axis_soft_min(self.minimum)
        if self.maximum is not None:
            panel.axis_soft_max(self.maximum)
        panel.draw_style(looks.GraphDrawStyle.BARS if self.bars else looks.GraphDrawStyle.LINE)
        panel.fill_opacity(60 if self.bars else 5).line_width(1)
        style = (
            looks.GraphTresholdsStyleMode.DASHED if len(self.steps) > 1 else looks.GraphTresholdsStyleMode.OFF
        )
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
        panel.legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        panel.tooltip(
            common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
        )
        return panel.build()


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of values in a table, with its own query, unit and colours."""

    title: str
    expression: str
    unit: str
    decimals: int = 0
    steps: Steps | None = None
    meanings: Sequence[Meaning] = ()


@dataclass(frozen=True, kw_only=True)
class Table(Panel):
    """
    One line for each set of ``labels``, which maps a label to the title of its column, in this order.

    All columns of values must have exactly these labels; ``address`` (label -> URL) makes a label a link.
    """

    queries: Sequence[Query] = ()
    unit: str = "short"
    labels: Mapping[str, str]
    columns: Sequence[Column]
    sort_by: str
    largest_first: bool = True
    address: Mapping[str, str] = field(default_factory=dict)

    def build(self) -> model.Panel:
        """Give the SDK's panel."""
        panel = self._describe(table.Panel())
        for letter, column in zip(ascii_uppercase, self.columns, strict=False):
            target = self._target(Query(expression=column.expression), letter=letter)
            panel.with_target(target.format(PromQueryFormat.TABLE))
            panel.override_by_name(column.title, _column_properties(column))
        for label, url in self.address.items():
            link = {"title": "Open", "url": url, "targetBlank": True}
            panel.override_by_name(self.labels[label], [model.DynamicConfigValue("links", [link])])
        panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=self._order()))
        panel.sort_by([common.TableSortByFieldState().display_name(self.sort_by).desc(self.largest_first)])
        return panel.build()

    def _order(self) -> dict[str, object]:
        # Grafana calls the value of a lone query "Value", and otherwise adds the letter of each.
        many = len(self.columns) > 1
        values = {
            f"Value #{letter}" if many else "Value": column.title
            for letter, column in zip(ascii_uppercase, self.columns, strict=False)
        }
        names = {**self.labels, **values}
        return {
            "excludeByName": {"Time": True},
            "indexByName": {name: position for position, name in enumerate(names)},
            "renameByName": names,
        }


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Give the SDK's form of ``steps``, in the unit of the panel."""
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=color) for value, color in steps])
    )


def _column_properties(column: Column) -> list[model.DynamicConfigValue]:
    properties = [
        model.DynamicConfigValue("unit", column.unit),
        model.DynamicConfigValue("decimals", column.decimals),
    ]
    if column.meanings:
        properties.append(model.DynamicConfigValue("mappings", list(column.meanings)))
    if column.steps is not None:
        properties.append(model.DynamicConfigValue("thresholds", thresholds(column.steps).build()))
        properties.append(model.DynamicConfigValue("color", {"mode": "thresholds"}))
        properties.append(model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return properties
