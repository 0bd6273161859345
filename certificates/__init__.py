"""Certificates (证明) as papers: a PDF and a token that prove themselves, and the judgement of such papers.

Belongs here: the keys that seal, the certificates over them, the code on a paper, the token (SD-JWT VC), the status
list, the printed and sealed PDF, and the verdict on any PDF or token that somebody brings.
Does not belong here: who may have a certificate, what it states, its number, which paper was revoked, how long it is
kept. The service decides that; this room knows no database and no HTTP, and of the other rooms only `catalogs`.
In come plain data and a signer; out go bytes, tokens and verdicts.
"""
