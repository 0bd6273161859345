"""Small campuses for the tests of derived lists: of random content, and of a given number of service items."""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

from catalogs.lists.given import Given
from catalogs.lists.measured import CaseCount, Kept, Measured, Span
from catalogs.loading import read
from catalogs.model import Catalog
from tests.catalogs import small
from tests.catalogs.small import contract, demand, item, key_item, service_item

ON = date(2026, 11, 26)
ELEMENTS = ("EA", "EB", "EC", "ED", "EE")
MATERIALS = ("M-A", "M-B", "M-C", "M-D")
SERVICES = ("SV-1", "SV-2", "SV-3")
RESOURCES = ("hr.one", "hr.two", "academic.three")
SHARES = ("unconditional", "conditional", "conditional", "none")


def given(catalog: Catalog, measured: Measured | None = None) -> Given:
    """Return the input of every list, without faults."""
    return Given(catalog, ON, (), measured)


def catalog_of(files: dict[str, bytes]) -> Catalog:
    """Return the catalog of content, whatever its check says: lists must stand on any content that can be read."""
    return read(files, ON)[0].catalog


@st.composite
def campuses(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a campus as plain data: what each resource shares, what each material proves, who was granted what."""
    sources = {
        (name, element): draw(st.sampled_from(SHARES))
        for name in RESOURCES
        for element in draw(st.sets(st.sampled_from(ELEMENTS), min_size=1, max_size=4))
    }
    return {
        "sources": sources,
        "draft": draw(st.sets(st.sampled_from(RESOURCES), max_size=1)),
        "materials": {
            code: {
                "facts": sorted(draw(st.sets(st.sampled_from(ELEMENTS), max_size=2))),
                "original": draw(st.sampled_from((False, False, False, True))),
                "gap": draw(st.sampled_from(("", "", "", "", "无源"))),
                "kind": draw(st.sampled_from(("证明", "证件证照"))),
            }
            for code in MATERIALS
        },
        "uses": {code: sorted(draw(st.sets(st.sampled_from(MATERIALS), min_size=1))) for code in SERVICES},
        "demands": [
            {
                "service": draw(st.sampled_from(SERVICES)),
                "elements": sorted(draw(st.sets(st.sampled_from(ELEMENTS), min_size=3))),
                "state": draw(st.sampled_from(("granted", "granted", "filed", "disputed"))),
                "validTo": draw(st.sampled_from(("2027-12-31", "2026-06-30"))),
                "path": draw(st.sampled_from(("AUTHORIZE_EXISTING", "NEED_COLLECT"))),
            }
            for _ in range(draw(st.integers(0, 6)))
        ],
        "volumes": {code: draw(st.integers(0, 9)) for code in SERVICES},
        "late": draw(st.sets(st.sampled_from(RESOURCES), max_size=2)),
    }


def files_of(campus: dict[str, Any]) -> dict[str, bytes]:
    """Return the content files of a drawn campus."""
    elements = "code,nameZh,type,subjectType\n" + "".join(
        f"{code},元素{code},string,person\n" for code in ("GH", *ELEMENTS)
    )
    changes: dict[str, Any] = {
        "elements.csv": elements,
        "populations.csv": None,
        small.STAFF: None,
        small.STUDENTS: None,
        small.AWARDS: None,
        small.SERVICE: None,
        small.DEMAND: None,
        "materials.yaml": [
            {
                "code": code,
                "nameZh": f"材料{code}",
                "kind": told["kind"],
                "issuer": "RS",
                **({"originalRequired": True, "originalBasis": "法"} if told["original"] else {}),
                **({"gap": told["gap"]} if told["gap"] else {}),
                "facts": [{"element": element, "predicate": "is_known"} for element in told["facts"]],
            }
            for code, told in campus["materials"].items()
        ],
    }
    for name in RESOURCES:
        own = [
            item(
                element.lower(),
                element,
                custom={"authoritative": True, "shareType": share, **_ground(share)},
            )
            for (resource, element), share in campus["sources"].items()
            if resource == name
        ]
        doc = contract(
            name,
            [key_item("staff_no", "GH"), *own],
            subject={"type": "person", "key": "staff_no", "idType": "staff_no"},
        )
        doc["status"] = "draft" if name in campus["draft"] else "active"
        changes[f"resources/{name.replace('.', '/')}.odcs.yaml"] = doc
    for code, uses in campus["uses"].items():
        changes[f"services/{code}.yaml"] = service_item(
            code=code,
            nameZh=f"事项{code}",
            form=[],
            materials=[{"material": one, "necessity": "required"} for one in uses],
        )
    for number, told in enumerate(campus["demands"]):
        changes[f"demands/D-{number}.yaml"] = demand(
            demandId=f"D-{number}",
            purpose={"serviceItem": told["service"]},
            replaces=[],
            elements=told["elements"],
            validTo=told["validTo"],
            decision={
                "state": told["state"],
                "by": ["post:office"],
                "on": "2026-01-01",
                "path": told["path"],
            },
        )
    return small.campus(changes)


def _ground(share: str) -> dict[str, str]:
    return {
        "unconditional": {},
        "conditional": {"shareCondition": "逐项申请"},
        "none": {"noShareBasis": "校规"},
    }[share]


def measured_of(campus: dict[str, Any]) -> Measured:
    """Return figures for a drawn campus: its volumes, and the resources that are late."""
    span = Span("2026", date(2026, 1, 1), date(2026, 12, 31))
    return Measured(
        release=1,
        at=datetime(2026, 11, 26, tzinfo=UTC),
        spans=(span,),
        cases=tuple(CaseCount(code, "2026", count) for code, count in campus["volumes"].items()),
        year=campus["volumes"],
        kept={
            name: Kept(
                loads=3,
                on_time=0.5 if name in campus["late"] else 1.0,
                age_h=50.0 if name in campus["late"] else 1.0,
                is_late=name in campus["late"],
                rows=10,
                admitted=10,
            )
            for name in RESOURCES
        },
    )


def with_items(count: int, **campus: Any) -> dict[str, bytes]:
    """Return a campus of `count` numbered service items; `campus` are keys of campus.yaml.

    An item is changed by the argument `change` of `item_file`.
    """
    told = {"code": "DEMO", "nameZh": "示例大学", "timeZone": "Asia/Shanghai", **campus}
    return small.campus({"campus.yaml": told, small.SERVICE: None, small.DEMAND: None} | items(count))


def items(count: int, **changes: Any) -> dict[str, Any]:
    """Return files of numbered service items, each with these changes."""
    return {f"services/N-{number:03d}.yaml": numbered(number, **changes) for number in range(count)}


def numbered(number: int, **changes: Any) -> dict[str, Any]:
    """Return the service item of a number."""
    return service_item(code=f"N-{number:03d}", nameZh=f"事项{number}", **changes)


def cases(volumes: dict[str, int], span: str = "2026") -> Measured:
    """Return figures of one period that is over."""
    return Measured(
        release=1,
        at=datetime(2026, 11, 26, tzinfo=UTC),
        spans=(Span(span, date(2026, 1, 1), date(2026, 12, 31)),),
        cases=tuple(CaseCount(code, span, count) for code, count in volumes.items()),
        year=volumes,
    )
