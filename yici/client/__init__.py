"""What a service system needs to ask Yici, and nothing else: install it anywhere, it imports no other room.

Belongs here: tokens, time-outs, repeated tries, problems as exceptions, receipts checked offline, and the rule for
callers: no answer means a blank form, never a blocked applicant (`prefill_or_blank`).
Does not: reading the warehouse, deciding anything, keeping or logging a value. Types of requests and answers are
generated from the service's OpenAPI document (`types.py`).
In: the service's address, a client's name and private key. Out: answers, or a `ServiceProblem`.
"""

from yici.client.forms import Form, FormFolder, Person
from yici.client.keys import new_key, public_keys, read_key
from yici.client.problems import ReceiptError, ServiceProblem, Unreachable
from yici.client.receipts import Receipt, ReceiptFolder
from yici.client.shells import AsyncClient, Client

__all__ = [
    "AsyncClient",
    "Client",
    "Form",
    "FormFolder",
    "Person",
    "Receipt",
    "ReceiptError",
    "ReceiptFolder",
    "ServiceProblem",
    "Unreachable",
    "new_key",
    "public_keys",
    "read_key",
]
