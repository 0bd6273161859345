// A judge of tokens that shares no line with ours: Node's own crypto. Arguments: token file, root file; prints the claims.
import { createHash, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

const [jwt, ...disclosures] = readFileSync(process.argv[2], "utf8").trim().split("~");
const root = new X509Certificate(readFileSync(process.argv[3]));
const [head, body, signature] = jwt.split(".");
const read = (part) => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));

const header = read(head);
const own = new X509Certificate(Buffer.from(header.x5c[0], "base64"));
const isOurs = header.alg === "ES256" && own.checkIssued(root) && own.verify(root.publicKey);
const holds = verify(
  "sha256",
  Buffer.from(`${head}.${body}`),
  { key: own.publicKey, dsaEncoding: "ieee-p1363" },
  Buffer.from(signature, "base64url"),
);
if (!isOurs || !holds) process.exit(1);

const { _sd: digests = [], ...claims } = read(body);
for (const disclosure of disclosures.filter(Boolean)) {
  const digest = createHash("sha256").update(disclosure).digest("base64url");
  if (!digests.includes(digest)) process.exit(1);
  const [, name, value] = read(disclosure);
  claims[name] = value;
}
console.log(JSON.stringify(claims));
