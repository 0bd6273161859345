"""What everybody may see of kinds of certificates, as plain data: who issues which, for whom, stating what."""

from typing import Any

from catalogs.model import Catalog
from catalogs.model_certificates import SELF, CertificateKind
from catalogs.views import unit_name


def certificate_views(catalog: Catalog) -> list[dict[str, Any]]:
    """Return every kind of certificate, by issuing unit and name."""
    found = [_view(catalog, kind) for kind in catalog.certificates.values()]
    return sorted(found, key=lambda one: (one["unitName"], one["nameZh"], one["code"]))


def _view(catalog: Catalog, kind: CertificateKind) -> dict[str, Any]:
    return {
        "code": kind.code,
        "nameZh": kind.name_zh,
        "nameEn": kind.name_en,
        "unit": kind.unit,
        "unitName": unit_name(catalog, kind.unit),
        "populations": [catalog.populations[code].name_zh for code in kind.populations],
        "states": [one.label_zh for one in kind.stated],
        "purposes": [one.name_zh for one in kind.purposes],
        "validityDays": list(kind.validity_days),
        "byPerson": SELF in kind.asked_by,
    }
