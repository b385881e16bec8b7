// Auth0's action "custom-phone-provider": sends the code of Auth0 through OTP Engine.
//
// Secrets of the action: ENGINE_URL, ENGINE_ACCOUNT (the name of the API key, AC...),
// ENGINE_TOKEN and ENGINE_SERVICE (VA...).

const TIMEOUT = 15_000; // milliseconds; the service waits for a provider at most 12 s
// With these errors of a connection no request was sent.
const NEVER_SENT = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"];

/**
 * @param event What to send, and to which number.
 * @param api `notification.drop` and `notification.retry` report failures to Auth0.
 */
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const { code, recipient, delivery_method, locale } = event.notification;
  if (!code) {
    // Such as blocked_account: OTP Engine sends codes, and no other texts.
    api.notification.drop(`no code in ${event.notification.message_type}`);
    return;
  }
  const fields = new URLSearchParams({
    To: recipient,
    Channel: delivery_method === "voice" ? "call" : "sms",
    CustomCode: code,
  });
  if (locale) fields.set("Locale", locale.replace("_", "-"));
  // The limits count the address of the person.
  if (event.request?.ip) fields.set("DeviceIp", event.request.ip);

  const status = await send(event.secrets, fields);
  if (status === 503) {
    // No message was sent, so Auth0 may send the notification again.
    api.notification.retry("OTP Engine is unavailable");
  } else if (status !== 201 && status !== 504) {
    // 504: the message may have been sent, and a second one would not help.
    api.notification.drop(`OTP Engine answered ${status}`);
  }
};

/** Send the code; return the status, or one that stands for a missing answer. */
async function send(secrets, fields) {
  const base = secrets.ENGINE_URL.replace(/\/$/, "");
  const credentials = `${secrets.ENGINE_ACCOUNT}:${secrets.ENGINE_TOKEN}`;
  try {
    const response = await fetch(
      `${base}/v2/Services/${secrets.ENGINE_SERVICE}/Verifications`,
      {
        method: "POST",
        headers: {
          Authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
        },
        body: fields,
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT),
      },
    );
    return response.status;
  } catch (error) {
    return NEVER_SENT.includes(error.cause?.code) ? 503 : 504;
  }
}
