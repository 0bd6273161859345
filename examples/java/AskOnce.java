import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Token, case, filled form: what a service system does, with the standard library of JDK 17 alone.
 *
 * <pre>java AskOnce.java SERVICE CLIENT KEY.pem KID SERVICE_ITEM ID_TYPE NUMBER</pre>
 *
 * The key is Ed25519 as PKCS#8 PEM; examples/curl/new_key.sh makes one. Prints the answer as JSON, or "BLANK FORM" and why:
 * no answer means a blank form, never a blocked applicant.
 */
public final class AskOnce {
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);
    private static final int TRIES = 2;

    private final String service;
    private final String client;
    private final String kid;
    private final PrivateKey key;
    private final HttpClient http = HttpClient.newBuilder()
        // Else the JDK asks for an upgrade to HTTP/2 with each request without TLS, and servers lose the body over it.
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(Duration.ofSeconds(3))
        .build();
    private String token = "";
    private Instant tokenEnds = Instant.EPOCH;

    /** The service refused, failed or is silent; `code` is for the operator's log and holds no personal data. */
    static final class Problem extends Exception {
        final String code;
        final boolean isRetryable;

        Problem(String code, boolean isRetryable) {
            super(code);
            this.code = code;
            this.isRetryable = isRetryable;
        }
    }

    AskOnce(String service, String client, String kid, PrivateKey key) {
        this.service = service.replaceAll("/$", "");
        this.client = client;
        this.kid = kid;
        this.key = key;
    }

    public static void main(String[] given) throws Exception {
        if (given.length != 7) {
            System.err.println("usage: java AskOnce.java SERVICE CLIENT KEY.pem KID SERVICE_ITEM ID_TYPE NUMBER");
            System.exit(2);
        }
        AskOnce hall = new AskOnce(given[0], given[1], given[3], readKey(Path.of(given[2])));
        try {
            System.out.println(hall.prefill(given[4], given[5], given[6]));
        } catch (Problem problem) {
            System.out.println("BLANK FORM (" + problem.code + ")");
        }
    }

    /** Registers the case and returns the filled form as JSON; keep its `receipt` with the case. */
    String prefill(String serviceItem, String idType, String number) throws Problem {
        String person = "\"id_type\":" + quoted(idType) + ",\"id\":" + quoted(number);
        String registered = post("/v1/cases", "{\"service_item\":" + quoted(serviceItem)
            + ",\"parties\":[{" + person + ",\"role\":\"applicant\"}]}");
        return post("/v1/service-items/" + serviceItem + ":prefill", "{\"subject\":{" + person
            + "},\"case_id\":" + quoted(text(registered, "case_id"))
            + ",\"actor\":{\"user_id\":" + quoted(number) + ",\"role\":\"applicant\"}}");
    }

    private String post(String path, String json) throws Problem {
        // One key for all tries of one request: what it creates is created once.
        String idempotencyKey = UUID.randomUUID().toString();
        for (int tried = 1; ; tried++) {
            try {
                HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(service + path))
                    .header("Authorization", "Bearer " + token())
                    .header("Content-Type", "application/json")
                    .header("Idempotency-Key", idempotencyKey)
                    .POST(HttpRequest.BodyPublishers.ofString(json));
                return send(request);
            } catch (Problem problem) {
                if (!problem.isRetryable || tried == TRIES) {
                    throw problem;
                }
            }
        }
    }

    private String token() throws Problem {
        if (Instant.now().isBefore(tokenEnds)) {
            return token;
        }
        String form = "grant_type=client_credentials"
            + "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            + "&client_assertion=" + assertion();
        String answer = send(HttpRequest.newBuilder(URI.create(service + "/oauth2/token"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString(form)));
        token = text(answer, "access_token");
        tokenEnds = Instant.now().plusSeconds(Long.parseLong(found(answer, "\"expires_in\":\\s*(\\d+)")) - 60);
        return token;
    }

    /** A client assertion (RFC 7523): signed, for one use, a minute long. */
    private String assertion() {
        long now = Instant.now().getEpochSecond();
        String signed = base64("{\"alg\":\"Ed25519\",\"kid\":" + quoted(kid) + "}") + "." + base64("{\"iss\":" + quoted(client)
            + ",\"sub\":" + quoted(client) + ",\"aud\":" + quoted(service + "/oauth2/token") + ",\"iat\":" + now
            + ",\"exp\":" + (now + 60) + ",\"jti\":" + quoted(UUID.randomUUID().toString()) + "}");
        try {
            Signature signer = Signature.getInstance("Ed25519");
            signer.initSign(key);
            signer.update(signed.getBytes(StandardCharsets.US_ASCII));
            return signed + "." + Base64.getUrlEncoder().withoutPadding().encodeToString(signer.sign());
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("the private key does not sign", error);
        }
    }

    private String send(HttpRequest.Builder request) throws Problem {
        HttpResponse<String> reply;
        try {
            reply = http.send(request.timeout(LONGEST_WAIT).build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException error) {
            throw new Problem("UNREACHABLE", true);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            throw new Problem("UNREACHABLE", false);
        }
        if (reply.statusCode() / 100 == 2) {
            return reply.body();
        }
        Matcher code = Pattern.compile("\"code\":\\s*\"([A-Z_]+)\"").matcher(reply.body());
        boolean isRetryable = reply.body().matches("(?s).*\"retryable\":\\s*true.*");
        throw new Problem(code.find() ? code.group(1) : "UNEXPECTED_ANSWER", isRetryable);
    }

    private static PrivateKey readKey(Path pem) throws IOException, GeneralSecurityException {
        String body = Files.readString(pem).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
        return KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(body)));
    }

    private static String base64(String text) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Quotes a text for JSON. A real system has a library for JSON; the standard library has none. */
    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char one : text.toCharArray()) {
            out.append(one == '"' || one == '\\' ? "\\" + one : one < ' ' ? String.format("\\u%04x", (int) one) : one);
        }
        return out.append('"').toString();
    }

    private static String text(String json, String name) throws Problem {
        return found(json, "\"" + name + "\":\\s*\"([^\"\\\\]+)\"");
    }

    private static String found(String json, String pattern) throws Problem {
        Matcher found = Pattern.compile(pattern).matcher(json);
        if (!found.find()) {
            throw new Problem("UNEXPECTED_ANSWER", false);
        }
        return found.group(1);
    }
}
