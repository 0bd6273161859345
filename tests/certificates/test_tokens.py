"""Tokens hold for judges of other make too, show as much as the holder chooses, and nothing once changed."""

import hmac
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey

from certificates import compact, pki, tokens
from certificates.tokens import StatusReference, TokenFault
from tests.certificates.office import AT, ISSUER, LATER, RARE_NAME, STATUS_LIST, pem_of, ran
from tests.support.needs import need_program

HERE = Path(__file__).parent


def reason(token, trust, at=LATER, **asked) -> str:
    with pytest.raises(TokenFault) as fault:
        tokens.check(token, trust, at, **asked)
    assert RARE_NAME not in str(fault.value)
    return fault.value.reason


def node_accepts(token, office, folder) -> dict | None:
    (folder / "token").write_text(token)
    (folder / "root.pem").write_bytes(pem_of(office.root))
    node = need_program("node", package="nodejs")
    done = ran(node, HERE / "check_token.mjs", folder / "token", folder / "root.pem")
    return json.loads(done.stdout) if done.returncode == 0 else None


def sd_jwt_accepts(token, office) -> dict | None:
    verifier = pytest.importorskip("sd_jwt.verifier", reason="sd-jwt is not installed (requirements-dev.in)")
    from jwcrypto.common import JWException
    from jwcrypto.jwk import JWK

    [key] = pki.key_set([office.signer], LATER)["keys"]
    try:
        return verifier.SDJWTVerifier(token, lambda issuer, header: JWK(**key)).get_verified_payload()
    except (JWException, ValueError, KeyError):
        return None


def test_a_token_states_its_claims_and_where_its_status_stands(office):
    token = office.token("CODE")
    found = tokens.check(token, office.trust, LATER)
    assert (found.claims["XM"], found.claims["ZT"]) == (RARE_NAME, "在读")
    assert (found.issuer, found.token_id, found.hidden) == (ISSUER, "CODE", 0)
    assert (found.issued_at, found.expires_at) == (AT, AT + timedelta(days=90))
    assert found.status == StatusReference(STATUS_LIST, 77)
    assert found.signed_by == "示例大学 Token issuer"
    assert not {"_sd", "_sd_alg", "status", "cnf"} & set(found.claims)


def test_judges_of_other_make_read_the_same(office, tmp_path):
    token = tokens.select(office.token("CODE"), ["XM"])
    for claims in (node_accepts(token, office, tmp_path), sd_jwt_accepts(token, office)):
        assert claims is not None
        assert (claims["XM"], claims["ZT"], claims["jti"]) == (RARE_NAME, "在读", "CODE")
        assert "XH" not in claims and "XY" not in claims


def test_the_holder_shows_as_much_as_is_asked(office):
    shown = tokens.check(tokens.select(office.token(), ["XY"]), office.trust, LATER)
    assert shown.claims["XY"] == "计算机学院" and shown.claims["ZT"] == "在读"
    assert "XM" not in shown.claims and shown.hidden == 2


def test_what_is_hidden_cannot_be_told_from_the_token(office):
    one, other = (tokens.select(office.token("CODE"), []) for _ in range(2))
    digests = [json.loads(compact.from_base64url(one_.split(".")[1]))["_sd"] for one_ in (one, other)]
    assert not set(digests[0]) & set(digests[1])  # salted: the same name and value give other digests
    assert digests[0] == sorted(digests[0])
    assert "XM" not in compact.from_base64url(one.split(".")[1]).decode()


def test_any_changed_sign_makes_a_token_invalid(office):
    token = tokens.select(office.token(), ["XM", "XY"])
    for place in random.Random(1).sample(range(len(token)), 60):
        wrong = "A" if token[place] != "A" else "B"
        changed = token[:place] + wrong + token[place + 1 :]
        with pytest.raises(TokenFault):
            tokens.check(changed, office.trust, LATER)


def test_judges_of_other_make_refuse_changed_tokens_too(office, tmp_path):
    token = tokens.select(office.token(), ["XM"])
    _, payload, signature = token.partition("~")[0].split(".")
    for part in (payload, signature, token.split("~")[1]):
        place = token.index(part) + len(part) // 2
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert node_accepts(changed, office, tmp_path) is None
        assert sd_jwt_accepts(changed, office) is None
        assert reason(changed, office.trust)


def test_a_strangers_token_is_not_ours(office, stranger):
    assert reason(stranger.token(), office.trust) == "untrusted_signer"


def test_a_key_certified_for_one_issuer_signs_for_no_other(office):
    assert reason(office.token(issuer="https://elsewhere.example"), office.trust) == "untrusted_signer"
    elsewhere = pki.Trust(office.trust.roots, office.trust.lists, ("https://elsewhere.example",))
    assert reason(office.token(), elsewhere) == "untrusted_signer"


def test_a_token_of_a_revoked_key_does_not_hold(office):
    assert reason(office.token(), office.revoking(office.token_key)) == "signer_revoked"


def test_a_token_holds_from_its_issue_to_its_end(office):
    token = office.token()
    tokens.check(token, office.trust, AT)
    assert reason(token, office.trust, AT - timedelta(minutes=2)) in ("not_yet_valid", "signer_not_yet_valid")
    tokens.check(token, office.trust, AT + timedelta(days=90, seconds=-1))
    assert reason(token, office.trust, AT + timedelta(days=90)) == "token_expired"


def forged(office, header: dict, payload: dict) -> str:
    """Return a JWS with any header, signed by our key."""
    key = ECKey.import_key(office.token_key.key)
    return jws.serialize_compact(header, json.dumps(payload), key, registry=Wide(algorithms=["ES256"])) + "~"


class Wide(jws.JWSRegistry):
    max_header_length = 20_000


def header_of(office) -> dict:
    return json.loads(compact.from_base64url(office.token().split(".")[0]))


def payload_of(office) -> dict:
    return json.loads(compact.from_base64url(office.token().split(".")[1]))


def test_the_algorithm_is_ours_to_say(office):
    header, payload = header_of(office), payload_of(office)
    head, body, _ = forged(office, header, payload)[:-1].split(".")
    head = compact.base64url(compact.to_json(header | {"alg": "HS256"}))
    # The public key as the secret of a MAC: the old trick on judges that believe the header.
    secret = (
        office.token_key.chain[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    mac = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    assert reason(f"{head}.{body}.{compact.base64url(mac)}~", office.trust) == "bad_signature"
    unsigned = (
        compact.base64url(compact.to_json(header | {"alg": "none"}))
        + "."
        + office.token().split(".")[1]
        + ".~"
    )
    assert reason(unsigned, office.trust) == "bad_signature"


def test_a_token_of_another_type_is_no_certificate(office):
    assert reason(
        forged(office, header_of(office) | {"typ": "at+jwt"}, payload_of(office)), office.trust
    ) == ("malformed")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": None},
        {"jti": 5},
        {"iat": "now"},
        {"iat": True},
        {"exp": 1e300},
        {"exp": None},
        {"_sd": "text"},
        {"_sd_alg": "md5"},
        {"status": {"status_list": {"idx": -1, "uri": "x"}}},
        {"status": {"other": 1}},
        {"status": 5},
    ],
)
def test_an_odd_payload_gets_a_reason_and_no_exception(office, changed):
    assert reason(forged(office, header_of(office), payload_of(office) | changed), office.trust) in (
        "malformed",
        "untrusted_signer",
    )


def test_a_disclosure_may_not_state_what_the_token_itself_states(office):
    hidden = compact.base64url(compact.to_json(["salt", "exp", 9_999_999_999]))
    payload = payload_of(office) | {"_sd": [tokens._digest(hidden)]}
    assert reason(forged(office, header_of(office), payload) + hidden + "~", office.trust) == "malformed"
    twice = compact.base64url(compact.to_json(["salt", "ZT", "休学"]))
    payload = payload_of(office) | {"_sd": [tokens._digest(twice)]}
    assert reason(forged(office, header_of(office), payload) + twice + "~", office.trust) == "malformed"


def test_a_disclosure_that_nobody_signed_is_refused(office):
    added = compact.base64url(compact.to_json(["salt", "GPA", "4.0"]))
    assert reason(office.token() + added + "~", office.trust) == "bad_signature"
    token = office.token()
    assert reason(token + token.split("~")[1] + "~", office.trust) == "malformed"


@pytest.mark.parametrize("claims", [{"exp": 1}, {"_sd": []}, {"status": {}}, {"...": 1}])
def test_a_claim_of_a_reserved_name_is_not_issued(office, claims):
    with pytest.raises(ValueError, match="not a claim's name"):
        office.token(claims=claims, disclosable=[])


def test_what_is_no_claim_cannot_be_disclosable(office):
    with pytest.raises(ValueError, match="GPA: disclosable, but no claim"):
        office.token(disclosable=["GPA"])


def test_papers_keys_sign_no_tokens(office):
    with pytest.raises(ValueError, match="ES256"):
        tokens.issue(
            office.seal,
            issuer=ISSUER,
            kind="kind",
            token_id="id",
            claims={},
            disclosable=[],
            issued_at=AT,
            expires_at=LATER,
        )


def proven(token: str, holder: ECKey, **changed) -> str:
    payload = {
        "iat": int(LATER.timestamp()),
        "aud": "embassy",
        "nonce": "n1",
        "sd_hash": tokens._digest(token),
    }
    header = {"alg": "ES256", "typ": "kb+jwt"}
    return token + jws.serialize_compact(header, json.dumps(payload | changed), holder, algorithms=["ES256"])


def test_a_bound_token_is_proven_by_its_holder_alone(office):
    holder, thief = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    token = tokens.select(office.token(holder_key=holder.as_dict(private=False)), ["XM"])
    asked = {"nonce": "n1", "audience": "embassy"}
    assert tokens.check(proven(token, holder), office.trust, LATER, **asked).is_bound
    assert not tokens.check(token, office.trust, LATER).is_bound
    assert reason(token, office.trust, **asked) == "bad_proof"
    assert reason(proven(token, thief), office.trust, **asked) == "bad_proof"
    assert reason(proven(token, holder, nonce="n2"), office.trust, **asked) == "bad_proof"
    assert reason(proven(token, holder, aud="employer"), office.trust, **asked) == "bad_proof"
    assert (
        reason(proven(token, holder, iat=int(LATER.timestamp()) + 999), office.trust, **asked) == "bad_proof"
    )
    other = tokens.select(token, [])
    assert reason(other + proven(token, holder).rpartition("~")[2], office.trust, **asked) == "bad_proof"
    assert reason(proven(office.token(), holder), office.trust, **asked) == "bad_proof"


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=200), st.text("ey.~AZaz09-_{}", max_size=200)))
def test_any_text_gets_a_reason_and_no_exception(office, text):
    assert reason(text, office.trust)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 50_000,
        b'{"typ":"dc+sd-jwt","x5c":[]}',
        b'{"typ":"dc+sd-jwt","x5c":["AAAA"]}',
        b'{"typ":5}',
        b"[]",
        b"5",
    ],
)
def test_an_odd_header_gets_a_reason_and_no_exception(office, header):
    assert reason(f"{compact.base64url(header)}.e30.AAAA~", office.trust) in ("malformed", "untrusted_signer")


def test_a_huge_token_is_refused_unread(office):
    assert reason("~" * (tokens.LARGEST + 1), office.trust) == "malformed"
