// Supabase's "Send SMS" hook: sends the code of Supabase through OTP Engine.
//
// It needs nothing but Web APIs, so it runs as an Edge Function and on Node 20.

const TOLERANCE = 5 * 60; // seconds, as Standard Webhooks recommends
const TIMEOUT = 4_500; // milliseconds; Supabase waits 5 seconds for the hook
const MIN_SECRET = 24; // bytes, as Standard Webhooks requires
const JSON_TYPE = { "Content-Type": "application/json" };

/**
 * Create the hook.
 *
 * @param env ENGINE_URL, ENGINE_ACCOUNT (the name of the API key, AC...), ENGINE_TOKEN,
 *   ENGINE_SERVICE (VA...), and SEND_SMS_HOOK_SECRET as Supabase shows it.
 * @returns A function from Request to Response.
 */
export function createHandler(env) {
  const secret = decode(env.SEND_SMS_HOOK_SECRET.replace(/^v1,whsec_/, ""));
  if (secret.length < MIN_SECRET) throw new Error("SEND_SMS_HOOK_SECRET is invalid");
  return async (request) => {
    const body = await request.text();
    if (!(await isSigned(request.headers, body, secret))) {
      return new Response("{}", { status: 401, headers: JSON_TYPE });
    }
    const { user, sms, metadata } = JSON.parse(body);
    const fields = new URLSearchParams({
      // A change of the number has it in `sms`. Supabase stores numbers without a plus.
      To: `+${(sms.phone || user.phone).replace(/\D/g, "")}`,
      Channel: "sms",
      CustomCode: sms.otp,
    });
    // The limits count the address of the person.
    if (metadata?.ip_address) fields.set("DeviceIp", metadata.ip_address);
    return answer(await send(env, fields));
  };
}

/** Send the code; return the status, or one that stands for a missing answer. */
async function send(env, fields) {
  const base = env.ENGINE_URL.replace(/\/$/, "");
  const credentials = btoa(`${env.ENGINE_ACCOUNT}:${env.ENGINE_TOKEN}`);
  try {
    const response = await fetch(
      `${base}/v2/Services/${env.ENGINE_SERVICE}/Verifications`,
      {
        method: "POST",
        headers: { Authorization: `Basic ${credentials}` },
        body: fields,
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT),
      },
    );
    return response.status;
  } catch (error) {
    // After a timeout the message may have been sent. Most other failures mean that
    // there was no connection. The name of an error has no number.
    console.error(`OTP Engine did not answer: ${error.name}`);
    return error.name === "TimeoutError" ? 504 : 503;
  }
}

/**
 * Return the answer to Supabase. It is never a 429 or 503 with Retry-After: Supabase
 * repeats the hook at once then, and a repeated send could send a second message.
 */
function answer(status) {
  // Unconfirmed: the message may have been sent, and its code must stay valid.
  if (status === 201 || status === 504) {
    return new Response("{}", { headers: JSON_TYPE });
  }
  const [code, message] =
    status === 429
      ? [429, "Too many codes were requested. Try again later."]
      : status === 400 || status === 403
        ? [422, "No code can be sent to this number."]
        : [503, "No code can be sent at the moment. Try again in a minute."];
  console.error(`OTP Engine answered ${status}`);
  return new Response(JSON.stringify({ error: { http_code: code, message } }), {
    headers: JSON_TYPE,
  });
}

/** Verify the signature of Standard Webhooks: HMAC-SHA256 of id, time and body. */
async function isSigned(headers, body, secret) {
  const id = headers.get("webhook-id");
  const time = headers.get("webhook-timestamp");
  const age = Math.abs(Date.now() / 1000 - Number(time));
  if (!id || !/^\d+$/.test(time ?? "") || age > TOLERANCE) return false;
  const key = await crypto.subtle.importKey(
    "raw",
    secret,
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const signed = new TextEncoder().encode(`${id}.${time}.${body}`);
  // Supabase separates several signatures by a comma and a space.
  const signatures = (headers.get("webhook-signature") ?? "").split(/,? /);
  for (const signature of signatures.filter((each) => each.startsWith("v1,"))) {
    const bytes = decode(signature.slice(3));
    if (await crypto.subtle.verify("HMAC", key, bytes, signed)) return true;
  }
  return false;
}

function decode(base64) {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
