#!/usr/bin/env bash
# Make a key pair (Ed25519): the private half stays here, the public half is what the data office registers.
#   ./new_key.sh KID            writes KID.private.pem and KID.jwks.json
# Needs openssl from 1.1.1.
set -euo pipefail
kid=${1:?usage: new_key.sh KID}

umask 077
openssl genpkey -algorithm ed25519 -out "$kid.private.pem"
x=$(openssl pkey -in "$kid.private.pem" -pubout -outform DER | tail -c 32 | base64 | tr '+/' '-_' | tr -d '=\n')
printf '{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "%s", "use": "sig", "x": "%s"}]}\n' "$kid" "$x" > "$kid.jwks.json"
echo "$kid.jwks.json: give it to the data office (yici client register … --jwks $kid.jwks.json)"
