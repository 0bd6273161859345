"""Service items, materials and demands, as written by people."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.lined_yaml import plain, read_yaml
from catalogs.model import (
    Aggregates,
    Confidential,
    Demand,
    FormField,
    Limit,
    Material,
    MaterialUse,
    Proof,
    ServiceItem,
    Step,
    Variant,
)
from catalogs.registers import Register
from catalogs.words import (
    CASE_TYPES,
    DEMAND_STATES,
    DEPTHS,
    GAPS,
    LIMIT_UNITS,
    NECESSITIES,
    ON_RETURN,
    STATUSES,
    STEP_JOINS,
)

ITEM_KEYS = (
    "code", "taskCode", "mainItem", "nameZh", "nameEn", "version", "status", "publishedOn", "batch", "description",
    "kind", "audience", "theme", "lifeEvent", "leadUnit", "jointUnits", "coordination", "outsideAuthority", "power",
    "legalBasis", "acceptConditions", "refusal", "preconditions", "materials", "form", "claims", "steps", "caseType",
    "statutoryLimit", "promisedLimit", "channels", "onlineDepth", "visits", "visitReason", "negativeList",
    "specialRequirement", "urls", "places", "fee", "result", "consult", "complaint", "notices", "contacts", "faq",
    "current", "target", "variants", "guardianUntil", "relations", "deprecatedOn", "validTo",
    "note",
)  # fmt: skip
STEP_KEYS = (
    "seq", "code", "nameZh", "nameEn", "unit", "role", "action", "input", "output", "limit", "channel",
    "parallelGroup", "join", "onReturn", "condition", "notify", "note",
)  # fmt: skip
MATERIAL_KEYS = (
    "code", "material", "nameZh", "nameEn", "kind", "source", "issuer", "form", "copies", "spec", "sample", "blank",
    "help", "onlinePath", "originalRequired", "originalBasis", "handover", "facts", "gap", "gapNote", "note",
)  # fmt: skip
DEMAND_KEYS = (
    "demandId", "requesterUnit", "applicant", "contact", "purpose", "step", "replaces", "elements", "unmasked",
    "population", "populations", "aggregates", "rows", "confidential", "presumedUnit", "basis", "ground",
    "scope", "mode", "client", "frequency", "retention", "validFrom", "validTo", "destroyBy", "undertaking",
    "assessment", "notice", "state", "decision", "fulfil", "note",
)  # fmt: skip
FORM_KEYS = (
    "field", "nameZh", "element", "editable", "declared", "required", "note", "type", "codeTable", "help",
)  # fmt: skip
# What a service item may do otherwise at one site.
VARIANT_KEYS = (
    "campus", "legalBasis", "acceptConditions", "refusal", "materials", "form", "steps", "caseType", "promisedLimit",
    "channels", "visits", "visitReason", "fee", "result", "guideFlow", "note",
)  # fmt: skip


def entries(content: bytes, file: str, key: str, place: str, faults: Faults) -> list[Fields]:
    """Return the mappings of a file that holds one, a list of them, or a list under `key`."""
    data = read_yaml(content, file, faults)
    if data is None:
        return []
    if isinstance(data, dict) and key in data:
        return Fields(data, file, place, faults).rows(key, place)
    if isinstance(data, dict):
        return [Fields(data, file, place, faults)]
    if isinstance(data, list):
        return Fields({key: data}, file, place, faults).rows(key, place)
    faults.add(
        "V03", file, 1, f"not a {place}", expected=f"a mapping or a list of {place}s", mend="write a mapping"
    )
    return []


def claim(entry: Fields, kind: str, key: str, register: Register) -> str:
    """Return the entry's code, noted in the register; empty if it has none or another has it."""
    code = entry.code(key)
    if not code:
        return ""
    if (kind, code) in register.places:
        file, line = register.line(kind, code)
        entry.fault("V04", key, f'{kind} "{code}" is already at {file}:{line}', expected="each code once")
        return ""
    register.places[kind, code] = (entry.file, entry.at(key))
    return code


def _proofs(row: Fields, key: str) -> tuple[Proof, ...]:
    proofs = []
    for proof in row.rows(key, f"{row.place} {key}"):
        proof.only(("element", "predicate", "note"))
        predicate = proof.text("predicate", default="is_known")
        tell_predicate(proof, "predicate", predicate)
        proofs.append(Proof(proof.text("element", required=True), predicate))
    return tuple(proofs)


def tell_predicate(own: Fields, key: str, predicate: str) -> None:
    """Tell a predicate that is not of the language of `proves`."""
    name, colon, argument = predicate.partition(":")
    if name in ("is_known", "is_true", "not_expired") and not colon:
        return
    if name in ("in", "eq") and argument.strip():
        return
    if name in ("ge", "le") and _is_number(argument):
        return
    own.fault("S03", key, f'{key} is "{predicate}"')


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_service_items(
    content: bytes, file: str, faults: Faults, register: Register
) -> list[tuple[ServiceItem, Fields]]:
    """Read the service items of one file, each with the fields it was read from."""
    items = []
    for entry in entries(content, file, "serviceItems", "service item", faults):
        code = claim(entry, "service item", "code", register)
        if code:
            own = Fields(entry.data, file, f'service item "{code}"', faults, entry.line)
            own.only(ITEM_KEYS)
            items.append((_service_item(own), own))
    return items


def _service_item(own: Fields) -> ServiceItem:
    form = []
    for row in own.rows("form", f"{own.place} form"):
        row.only(FORM_KEYS)
        form.append(
            FormField(
                row.text("field", required=True),
                row.text("nameZh", required=True),
                row.text("element"),
                row.flag("editable"),
                row.flag("declared"),
            )
        )
    _tell_twice(own, "form", [one.field for one in form])
    uses = []
    for row in own.rows("materials", f"{own.place} materials"):
        row.only(("material", "necessity", "proves", "condition", "copies", "note"))
        uses.append(
            MaterialUse(
                row.text("material", required=True),
                row.text("necessity", default="required", among=NECESSITIES),
                _proofs(row, "proves"),
                row.text("condition"),
            )
        )
    promised, statutory = own.inner("promisedLimit"), own.inner("statutoryLimit")
    return ServiceItem(
        code=own.text("code"),
        name_zh=own.text("nameZh", required=True),
        name_en=own.text("nameEn"),
        lead_unit=own.text("leadUnit", required=True),
        joint_units=own.words("jointUnits"),
        audience=own.words("audience"),
        kind=own.text("kind", required=True),
        case_type=own.text("caseType", default="承诺件", among=CASE_TYPES),
        promised_limit=plain(promised.data) if promised else {},
        channels=own.words("channels"),
        online_depth=own.text("onlineDepth", default="I", among=DEPTHS),
        visits=own.whole("visits", 0) or 0,
        visit_reason=own.text("visitReason"),
        form=tuple(form),
        materials=tuple(uses),
        steps=tuple(_steps(own)),
        legal_basis=tuple(plain(row.data) for row in own.rows("legalBasis", f"{own.place} legalBasis")),
        description=own.text("description"),
        raw=plain(own.data),
        file=own.file,
        task_code=own.text("taskCode"),
        main_item=own.text("mainItem"),
        power=own.text("power"),
        theme=own.text("theme"),
        life_event=own.text("lifeEvent"),
        outside_authority=own.text("outsideAuthority"),
        promised=_limit(promised),
        statutory=_limit(statutory),
        negative_reason=_reason(own, "negativeList", ("reason", "until", "note")),
        special_reason=_reason(own, "specialRequirement", ("reason", "note")),
        status=own.text("status", among=STATUSES),
        version=own.text("version"),
        published_on=own.day("publishedOn"),
        batch=own.whole("batch"),
        variants=tuple(_variants(own)),
        claims=_proofs(own, "claims"),
        guardian_until=own.age("guardianUntil"),
        relations=own.words("relations"),
        deprecated_on=own.day("deprecatedOn"),
        valid_to=own.day("validTo"),
    )


def _limit(own: Fields | None) -> Limit | None:
    if own is None:
        return None
    own.only(("value", "unit", "note"))
    value = own.data.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        own.fault("V03", "value", '"value" is not a number ≥ 0', expected="a number without quotes")
        return None
    return Limit(float(value), own.text("unit", default="workday", among=LIMIT_UNITS))


def _reason(own: Fields, key: str, known: tuple[str, ...]) -> str:
    inner = own.inner(key)
    if inner is None:
        return ""
    inner.only(known)
    return inner.text("reason", required=True)


def _variants(own: Fields) -> list[Variant]:
    variants = []
    for row in own.rows("variants", f"{own.place} variants"):
        row.only(VARIANT_KEYS)
        differing = {key: plain(value) for key, value in row.data.items() if key not in ("campus", "note")}
        variants.append(Variant(row.text("campus", required=True), differing))
    return variants


def _steps(own: Fields) -> list[Step]:
    steps = []
    for row in own.rows("steps", f"{own.place} steps"):
        row.only(STEP_KEYS)
        steps.append(
            Step(
                seq=row.whole("seq", 0, required=True) or 0,
                name_zh=row.text("nameZh", required=True),
                unit=row.text("unit", required=True),
                role=row.text("role"),
                parallel_group=row.text("parallelGroup"),
                join=row.text("join", among=STEP_JOINS),
                on_return=row.text("onReturn", among=ON_RETURN),
                raw=plain(row.data),
                code=row.text("code"),
                limit=_limit(row.inner("limit", f"{row.place} limit")),
                condition=row.text("condition"),
                inputs=row.words("input"),
                output=row.text("output"),
            )
        )
    return steps


def _tell_twice(own: Fields, key: str, names: list[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            own.fault("V04", key, f'"{name}" stands twice under {key}', expected="each once")
        seen.add(name)


def read_materials(
    content: bytes, file: str, faults: Faults, register: Register
) -> list[tuple[Material, Fields]]:
    """Read the register of materials."""
    materials = []
    for entry in entries(content, file, "materials", "material", faults):
        key = "material" if "material" in entry.data else "code"
        code = claim(entry, "material", key, register)
        if not code:
            continue
        own = Fields(entry.data, file, f'material "{code}"', faults, entry.line)
        own.only(MATERIAL_KEYS)
        form = own.data.get("form")
        material = Material(
            code=code,
            name_zh=own.text("nameZh", required=True),
            kind=own.text("kind"),
            source=own.text("source"),
            issuer=own.text("issuer"),
            form=own.words("form") if isinstance(form, list) else tuple(filter(None, [own.text("form")])),
            original_required=own.flag("originalRequired"),
            original_basis=own.text("originalBasis"),
            gap=own.text("gap", among=GAPS),
            facts=_proofs(own, "facts"),
            raw=plain(own.data),
        )
        if material.original_required and not material.original_basis:
            own.fault(
                "V01",
                "originalRequired",
                "the original is required without basis",
                expected='"originalBasis"',
                mend='add "originalBasis"',
            )
        materials.append((material, own))
    return materials


def read_demands(
    content: bytes, file: str, faults: Faults, register: Register
) -> list[tuple[Demand, Fields]]:
    """Read the demands of one file."""
    demands = []
    for entry in entries(content, file, "demands", "demand", faults):
        demand_id = claim(entry, "demand", "demandId", register)
        if demand_id:
            own = Fields(entry.data, file, f'demand "{demand_id}"', faults, entry.line)
            own.only(DEMAND_KEYS)
            demands.append((_demand(demand_id, own), own))
    return demands


def _demand(demand_id: str, own: Fields) -> Demand:
    purpose = own.mapping("purpose", required=True)
    kind, code = "", ""
    for key, name in (("serviceItem", "service_item"), ("task", "task")):
        if key in purpose:
            kind, code = name, str(purpose[key] or "")
    if not code:
        own.fault(
            "V03",
            "purpose",
            "the purpose is neither a service item nor a task",
            expected='{serviceItem: "RS-012"} or {task: "T-2026-001"}',
        )
    valid_from, valid_to = own.period("validFrom", "validTo")
    state, by, on = _decision(own)
    return Demand(
        demand_id=demand_id,
        requester_unit=own.text("requesterUnit", required=True),
        purpose_kind=kind,
        purpose=code,
        replaces=own.words("replaces"),
        elements=own.words("elements", required=True),
        unmasked=own.words("unmasked"),
        basis=own.text("basis"),
        ground=own.text("ground"),
        client=own.text("client"),
        frequency=own.text("frequency"),
        retention=own.text("retention"),
        valid_from=valid_from,
        valid_to=valid_to,
        state=state,
        decided_by=by,
        decided_on=on,
        file=own.file,
        raw=plain(own.data),
        notice=own.text("notice"),
        populations=own.words("populations"),
        destroy_by=own.day("destroyBy"),
        aggregates=_aggregates(own),
        rows=own.words("rows"),
        confidential=_confidential(own),
    )


def _confidential(own: Fields) -> Confidential | None:
    given = own.inner("confidential", f"{own.place} confidential")
    if given is None:
        return None
    given.only(("basis", "until"))
    return Confidential(given.text("basis"), given.day("until"))


def _aggregates(own: Fields) -> Aggregates | None:
    given = own.inner("aggregates", f"{own.place} aggregates")
    if given is None:
        return None
    given.only(("tables", "measures", "note"))
    tables, measures = [], {}
    for row in given.rows("tables", f"{given.place} tables"):
        row.only(("by", "note"))
        tables.append(row.words("by", required=True))
    for row in given.rows("measures", f"{given.place} measures"):
        row.only(("element", "of", "note"))
        measures[row.text("element", required=True)] = row.words("of", required=True)
    return Aggregates(tuple(tables), measures)


def _decision(own: Fields) -> tuple[str, tuple[str, ...], date | None]:
    decision: Mapping[str, Any] | None = own.mapping("decision")
    if not decision:
        return own.text("state", default="filed", among=DEMAND_STATES), (), None
    fields = own.inner("decision", f"{own.place} decision")
    if fields is None:
        return "filed", (), None
    fields.only(("state", "by", "on", "opinion", "minutes", "note", "path"))
    return (
        fields.text("state", required=True, default="filed", among=DEMAND_STATES),
        fields.words("by"),
        fields.day("on"),
    )
