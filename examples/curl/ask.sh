#!/usr/bin/env bash
# Token, case, filled form: what a service system does, in three requests.
#   ./ask.sh SERVICE CLIENT KID SERVICE_ITEM ID_TYPE NUMBER
#   ./ask.sh http://127.0.0.1:8700 service-hall hall-1 JW-001 student_no 2023010001
# The private key is KID.private.pem (new_key.sh). Needs curl, jq, and openssl from 1.1.1.
# No answer means a blank form, never a blocked applicant: whatever goes wrong, it says BLANK FORM and ends with 0.
set -uo pipefail
service=${1%/} client=$2 kid=$3 item=$4 id_type=$5 number=$6

blank() {
    # The code is for the operator's log; the applicant sees the form, empty.
    echo "BLANK FORM ($1)"
    exit 0
}

base64url() { base64 | tr '+/' '-_' | tr -d '=\n'; }

# A client assertion (RFC 7523): signed, for one use, a minute long.
assertion() {
    local now header claims
    now=$(date +%s)
    header=$(jq -cn --arg kid "$kid" '{alg: "Ed25519", kid: $kid}' | base64url)
    claims=$(jq -cn --arg client "$client" --arg aud "$service/oauth2/token" --argjson now "$now" \
        --arg jti "$(openssl rand -hex 16)" \
        '{iss: $client, sub: $client, aud: $aud, iat: $now, exp: ($now + 60), jti: $jti}' | base64url)
    printf '%s.%s' "$header" "$claims" > "$folder/signed"
    printf '%s.%s.%s' "$header" "$claims" \
        "$(openssl pkeyutl -sign -rawin -inkey "$kid.private.pem" -in "$folder/signed" | base64url)"
}

# What curl is asked goes in by standard input: arguments are for everybody on the machine to see.
post() {
    local path=$1 code
    shift
    code=$(curl --silent --max-time 5 --output "$folder/answer" --write-out '%{http_code}' "$@" \
        --config "$folder/headers" --data @- "$service$path") || { echo UNREACHABLE; return 1; }
    [ "${code:0:1}" = 2 ] || { jq -r '.code // "UNEXPECTED_ANSWER"' "$folder/answer" 2>/dev/null; return 1; }
    cat "$folder/answer"
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
umask 077
: > "$folder/headers"

answer=$(printf 'grant_type=client_credentials&client_assertion_type=%s&client_assertion=%s' \
    'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' "$(assertion)" | post /oauth2/token) || blank "$answer"
{
    printf 'header = "Authorization: Bearer %s"\n' "$(jq -r .access_token <<< "$answer")"
    printf 'header = "Content-Type: application/json"\n'
} > "$folder/headers"

person=$(jq -cn --arg id_type "$id_type" --arg id "$number" '{id_type: $id_type, id: $id}')

# The same draft keeps the same Idempotency-Key, so that a request sent twice is one case.
answer=$(jq -n --arg item "$item" --argjson person "$person" \
    '{service_item: $item, parties: [$person + {role: "applicant"}]}' |
    post /v1/cases --header "Idempotency-Key: $(openssl rand -hex 16)") || blank "$answer"
case_id=$(jq -r .case_id <<< "$answer")

answer=$(jq -n --argjson person "$person" --arg case "$case_id" \
    '{subject: $person, case_id: $case, actor: {user_id: $person.id, role: "applicant"}}' |
    post "/v1/service-items/$item:prefill") || blank "$answer"

# Keep the receipt with the case: it proves what was answered.
jq -r .receipt <<< "$answer" > "$case_id.receipt.jws"
jq -r '.fields[] | "\(.name_zh)\t\(.status)\t\(.value // "")"' <<< "$answer"
jq -r '.materials[] | "\(.name_zh)\t\(.outcome)"' <<< "$answer"
