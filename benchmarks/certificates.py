"""How fast certificates are made and judged on one core: tokens, printed and sealed papers, checks, a status list.

Processor time, so that what else runs on the machine counts little; beside each the bare signature that it cannot do
without. Part of `make bench-service`; alone `python -m benchmarks.certificates`.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from catalogs.exports.printing import Press
from certificates import codes, paper, status, tokens
from certificates.judging import judge
from certificates.keys import memory_signer
from certificates.paper import Content, Line, Template, Text
from certificates.pki import Root, Trust

ISSUER = "https://yici.example"
TOKENS_PER_S, PAPERS_PER_S = 1_000, 20  # what issue 8 asks for
_TOKENS, _PAPERS = 2_000, 60
_LIST_SIZE, _REVOKED = 1 << 17, 500


def measure() -> dict[str, float]:
    """Make and judge certificates with fresh keys.

    Returns:
        Per second of processor time: `tokens`, `token_checks`, `papers` (ten values in two languages printed, token
        attached, and sealed), `prints`, `seals`, and of bare signatures `es256` and `rs256`; `status_list_ms` to make
        and sign a list of 131,072 entries, `status_list_bytes` of it; `judged_ms` from a paper to its verdict by the
        clock, as that is read in a process of its own.
    """
    at = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        root = Root.make("示例大学", Path(folder) / "root.p12", "only for a benchmark", at)
    seal_key, token_key = root.certify_seal("证明专用章", at), root.certify_token_key(ISSUER, at)
    seal, signer = (memory_signer(one.key, one.chain) for one in (seal_key, token_key))
    trust = Trust((root.certificate,), (root.revocation_list([], 1, at),), (ISSUER,))
    press = Press()

    def token() -> str:
        return tokens.issue(
            signer,
            issuer=ISSUER,
            kind=f"{ISSUER}/kinds/enrolment",
            token_id=codes.new_code(),
            claims={f"E{number}": "计算机科学与技术学院" for number in range(10)},
            disclosable=[f"E{number}" for number in range(10)],
            issued_at=at,
            expires_at=at + timedelta(days=90),
            status=tokens.StatusReference(f"{ISSUER}/statuslists/1", 77),
        ).text

    def printed() -> bytes:
        return paper.print_paper(press, Template(), _content(at), "both", held)

    held = token()
    bare = printed()
    sealed = paper.seal(bare, seal, at)
    statuses = status.StatusList(_LIST_SIZE, range(0, _LIST_SIZE, _LIST_SIZE // _REVOKED))
    listed = status.sign(statuses, signer, address=ISSUER, at=at)
    later = at + timedelta(minutes=2)
    return {
        "es256": _per_s(lambda: signer.sign(b"bare"), _TOKENS),
        "tokens": _per_s(token, _TOKENS),
        "token_checks": _per_s(lambda: tokens.check(held, trust, later), _TOKENS),
        "rs256": _per_s(lambda: seal.sign(b"bare"), _PAPERS),
        "prints": _per_s(printed, _PAPERS),
        "seals": _per_s(lambda: paper.seal(bare, seal, at), _PAPERS),
        "papers": _per_s(lambda: paper.seal(printed(), seal, at), _PAPERS),
        "judged_ms": _elapsed_ms(lambda: judge(sealed, trust, later, lambda reference: status.VALID), 20),
        "status_list_ms": 1_000 / _per_s(lambda: status.sign(statuses, signer, address=ISSUER, at=at), 50),
        "status_list_bytes": float(len(listed)),
    }


def _content(at: datetime) -> Content:
    code, provider = codes.new_code(), Text("教务处", "Academic Affairs")
    lines = (
        Line(Text("姓名", "Name"), Text("张㐂霖", "ZHANG Xilin"), provider, date(2026, 11, 1)),
        Line(Text("学院", "School"), Text("计算机学院", "School of Computing"), provider, date(2026, 11, 20)),
        *(Line(Text(f"课程 {n}", f"Course {n}"), Text("优", "A"), provider, at.date()) for n in range(8)),
    )
    return Content(
        Text("成绩证明", "Transcript"),
        Text("兹证明该生成绩如下。", "This is to certify the following results."),
        lines,
        "CJ-2026-000123",
        code,
        at,
        at.date() + timedelta(days=90),
        f"{ISSUER}/verify/{code}",
        Text("示例大学", "Example University"),
        Text("教务处", "Academic Affairs"),
    )


def _per_s(work: Callable[[], object], times: int) -> float:
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return times / (time.process_time() - began)


def _elapsed_ms(work: Callable[[], object], times: int) -> float:
    work()
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) * 1_000 / times


def main() -> None:
    """Measure and print, with what issue 8 asks for beside it."""
    found = measure()
    print(f"tokens: {found['tokens']:,.0f}/s issued (asked for: {TOKENS_PER_S:,})")
    print(f"  {found['token_checks']:,.0f}/s checked")
    print(f"papers: {found['papers']:,.1f}/s printed and sealed (asked for: {PAPERS_PER_S})")
    print(f"  of which {found['prints']:,.1f}/s printed, {found['seals']:,.1f}/s sealed")
    print(f"bare signatures: {found['es256']:,.0f}/s ES256, {found['rs256']:,.0f}/s RSA 3072")
    print(
        f"status list of {_LIST_SIZE:,}: {found['status_list_ms']:,.1f} ms, {found['status_list_bytes']:,.0f} bytes"
    )
    print(f"a paper judged: {found['judged_ms']:,.0f} ms by the clock")


if __name__ == "__main__":
    main()
