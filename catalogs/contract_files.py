"""Read the contracts of a catalog; many of them on several cores.

A contract is read by itself, given the systems and elements, and a large catalog is mostly contracts. Processes of
their own read parts of them while the caller reads the rest of the catalog. Few contracts are read sooner than a
process starts.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from catalogs.collector import collector_paused
from catalogs.contracts import Contract, read_contract
from catalogs.faults import Fault, Faults
from catalogs.model import Element, System

MANY = 200
_PARTS_OF_A_PROCESS = 4
Files = list[tuple[str, bytes]]
Finish = Callable[[Faults], dict[str, Contract]]


@contextmanager
def contracts_of(
    files: Mapping[str, bytes], systems: Mapping[str, System], elements: Mapping[str, Element], processes: int
) -> Iterator[Finish]:
    """Begin to read, and give what waits for the end: resource → contract in the order of the files.

    Args:
        files: those of the campus folder.
        systems: as read.
        elements: as read.
        processes: how many may read at the same time; 1: this one alone.
    """
    asked = [(path, data) for path, data in files.items() if is_contract(path)]
    if processes < 2 or len(asked) < MANY:
        yield lambda faults: _named(
            read_contract(data, path, systems, elements, faults) for path, data in asked
        )
        return
    size = -(-len(asked) // (processes * _PARTS_OF_A_PROCESS))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        parts = [
            pool.submit(_read, asked[start : start + size], systems, elements)
            for start in range(0, len(asked), size)
        ]

        def finish(faults: Faults) -> dict[str, Contract]:
            found: dict[str, Contract] = {}
            for part in parts:
                contracts, told = part.result()
                found |= contracts
                faults.found.update(dict.fromkeys(told))
            return found

        yield finish


def is_contract(path: str) -> bool:
    """Whether a file of the campus folder is a contract."""
    return path.startswith("resources/") and path.endswith(".odcs.yaml")


def _read(
    asked: Files, systems: Mapping[str, System], elements: Mapping[str, Element]
) -> tuple[dict[str, Contract], list[Fault]]:
    faults = Faults()
    with collector_paused():
        contracts = _named(read_contract(data, path, systems, elements, faults) for path, data in asked)
    return contracts, faults.all()


def _named(contracts: Iterable[Contract | None]) -> dict[str, Contract]:
    return {contract.resource.name: contract for contract in contracts if contract is not None}
