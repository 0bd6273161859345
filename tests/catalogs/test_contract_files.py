"""Contracts read on several cores are those that one reads, and so are their faults."""

from pathlib import Path

import pytest

import catalogs
from catalogs import contract_files
from catalogs.loading import read, read_files

CAMPUS = Path(catalogs.__file__).parent / "campus"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The reference campus, which counts as large here."""
    monkeypatch.setattr(contract_files, "MANY", 1)
    return read_files(CAMPUS)


def test_several_processes_read_what_one_reads(files):
    alone, _ = read(files)
    together, _ = read(files, processes=2)
    assert list(together.contracts) == list(alone.contracts)
    assert together.contracts == alone.contracts
    name, contract = next(iter(together.contracts.items()))
    assert contract.item_docs[contract.resource.key[0]].line == (
        alone.contracts[name].item_docs[contract.resource.key[0]].line
    )


def test_a_fault_is_told_whoever_reads_the_contract(files):
    broken = [path for path in files if contract_files.is_contract(path)][::7]
    for path in broken:
        files[path] = files[path].replace(b'apiVersion: "v3.2.0"', b'apiVersion: "v9"')
    alone = catalogs.check(files)
    assert {fault.file for fault in alone} >= set(broken)
    assert catalogs.check(files, processes=2) == alone
