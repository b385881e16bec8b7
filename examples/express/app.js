// A login by phone with Express and Twilio's SDK on the `/v2` of OTP Engine.
import { randomBytes, timingSafeEqual } from "node:crypto";
import express from "express";
import session from "express-session";
import twilio from "twilio";

const env = process.env;
const isSecure = env.NODE_ENV === "production";

const client = twilio(env.ACCOUNT_SID, env.AUTH_TOKEN);
client.verify.baseUrl = env.ENGINE_URL ?? "http://127.0.0.1:3000"; // the line that leaves Twilio Verify
const service = client.verify.v2.services(env.VERIFY_SERVICE_SID ?? `VA${"0".repeat(32)}`);

// What a person can do about an error of the service, by its number.
const TEXTS = {
  20404: "This code has expired. Request a new one.",
  20429: "Too many requests. Wait a few minutes, and try again.",
  60200: "This is not a phone number. Write it with + and the country code.",
  60202: "Too many wrong codes. Request a new one later.",
  60203: "Too many messages to this number. Wait a few minutes, and try again.",
  60205: "This number cannot get text messages. Use a mobile number.",
  60212: "A code was just sent to this number. Wait half a minute, and try again.",
  60410: "Messages to numbers like this one are paused. Try again later.",
};

const app = express();
app.disable("x-powered-by");
app.set("trust proxy", env.TRUST_PROXY ? Number(env.TRUST_PROXY) : false);
app.use(express.urlencoded({ extended: false, limit: "4kb" }));
app.use(
  session({
    name: isSecure ? "__Host-session" : "session",
    secret: env.SECRET_KEY,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: "lax", secure: isSecure, maxAge: 30 * 60 * 1000 },
  }),
);
app.use((request, response, next) => {
  response.set({
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
  });
  next();
});

// Every form has the token of its session, so no other site can submit it.
app.post("/{*path}", (request, response, next) => {
  const [expected, sent] = [request.session.csrf, request.body?.csrf].map((text) => Buffer.from(String(text ?? "")));
  const isValid = expected.length > 0 && expected.length === sent.length && timingSafeEqual(expected, sent);
  isValid ? next() : show(request, response.status(403), "This page was open for too long. Try again.");
});

app.get("/", (request, response) => show(request, response));

app.post("/phone", async (request, response) => {
  const to = String(request.body.phone ?? "").replace(/[\s().-]/g, "");
  // The address of the person, so that limits count people and not this application.
  const verification = await service.verifications.create({ to, channel: "sms", deviceIp: request.ip });
  // The number in its one form: `to` as typed can have several for one phone.
  request.session.verification = { sid: verification.sid, to: verification.to };
  response.redirect(303, "/");
});

app.post("/code", async (request, response) => {
  const { verification } = request.session;
  if (!verification) return response.redirect(303, "/");
  const code = String(request.body.code ?? "").replace(/[\s-]/g, "");
  // By its SID, which only this session has: see "Bound verifications" in the README.
  const check = await service.verificationChecks.create({ verificationSid: verification.sid, code });
  if (check.status !== "approved") return show(request, response.status(422), "That code is not right.");
  // A new session for the person who is now logged in.
  await new Promise((resolve, reject) => request.session.regenerate((error) => (error ? reject(error) : resolve())));
  request.session.number = verification.to;
  response.redirect(303, "/");
});

app.post("/restart", (request, response) => {
  delete request.session.verification;
  response.redirect(303, "/");
});

app.post("/log-out", async (request, response) => {
  await new Promise((resolve, reject) => request.session.destroy((error) => (error ? reject(error) : resolve())));
  response.redirect(303, "/");
});

// The SDK throws errors of the service with `status` and `code`. Log no more than these:
// the message can contain a number.
app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  console.error("request failed", { status: error.status, code: error.code });
  if (error.code === 20404) delete request.session.verification;
  // Every invalid parameter has this number.
  const isCode = error.code === 60200 && request.path === "/code";
  const known = isCode ? "That is not a code. Enter the digits of the message." : TEXTS[error.code];
  const text = known ?? "This does not work right now. Try again in a moment.";
  show(request, response.status(error.status >= 400 && error.status < 500 ? error.status : 503), text);
});

function show(request, response, problem) {
  const { number, verification } = request.session;
  request.session.csrf ??= randomBytes(32).toString("base64url");
  const token = `<input type="hidden" name="csrf" value="${request.session.csrf}">`;
  const alert = problem ? `<p role="alert">${problem}</p>` : "";
  const step = number
    ? `<p>You are logged in as ${escape(number)}.</p><form method="post" action="/log-out">${token}<button>Log out</button></form>`
    : verification
      ? `<form method="post" action="/code">${token}
         <p><label for="code">Code from the message</label></p>
         <p><input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus></p>
         <button>Log in</button></form>
         <form method="post" action="/restart">${token}<button>Use another number or get a new code</button></form>`
      : `<form method="post" action="/phone">${token}
         <p><label for="phone">Phone number, with + and the country code</label></p>
         <p><input id="phone" name="phone" type="tel" autocomplete="tel" required autofocus></p>
         <button>Send code</button></form>`;
  response.send(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
     <meta name="viewport" content="width=device-width, initial-scale=1"></head>
     <body><main><h1>Shop</h1>${alert}${step}</main></body></html>`,
  );
}

function escape(text) {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const server = app.listen(env.PORT ?? 8000, "127.0.0.1", () => {
  console.log(`http://localhost:${server.address().port}/`);
});
