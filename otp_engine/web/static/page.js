// Saves page loads and typing. The page works without this script.
"use strict";

const notice = document.getElementById("notice");
const stepElement = document.getElementById("step");
let webOtp; // AbortController of a pending WebOTP request
let countdown; // interval of the resend button
// The origin of the application that shows this page in a frame, see /verify.js.
const embedder = parent === window ? undefined : document.body.dataset.embedder;

// The browser gives the message to no other origin. This page hears no messages.
function post(otpVerify, values) {
  if (embedder) parent.postMessage({ otpVerify, ...values }, embedder);
}

// Submit without a page load, so that screen readers announce the notice.
stepElement.addEventListener("submit", async (event) => {
  const form = event.target;
  if ("return" in form.dataset && !embedder) return;
  event.preventDefault();
  if ("return" in form.dataset) {
    const { otp_proof: proof, state } = form.elements;
    return post("approved", { proof: proof.value, state: state.value, returnUrl: form.action });
  }
  const fields = new FormData(form, event.submitter);
  for (const button of stepElement.querySelectorAll("button")) button.disabled = true;
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields) });
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    const step = next.getElementById("step")?.dataset.step;
    // A page that failed can lack what this one shows, such as a QR code.
    const isLess = response.status >= 500 && step !== stepElement.dataset.step;
    step && !isLess ? show(next) : showFailure();
  } catch {
    showFailure();
  }
});

// Without a network, or with an error page of a proxy: what was typed stays.
function showFailure() {
  const text = Object.assign(document.createElement("p"), { textContent: notice.dataset.unavailable });
  notice.className = "notice error";
  notice.replaceChildren(text);
  for (const button of stepElement.querySelectorAll("button")) button.disabled = false;
  stepElement.querySelector("[autofocus]")?.focus();
  notice.scrollIntoView({ block: "nearest" });
}

function show(next) {
  document.title = next.title;
  for (const current of [stepElement, notice]) {
    const updated = next.getElementById(current.id);
    for (const { name, value } of updated.attributes) current.setAttribute(name, value);
    current.replaceChildren(...updated.childNodes);
  }
  start();
  focusStep();
}

function focusStep() {
  (stepElement.querySelector("[autofocus]") ?? stepElement.querySelector("h1"))?.focus();
}

// A fallback can have sent a code by another channel since. The code that is being typed
// stays, and so does the focus.
async function updateChannel() {
  const sent = document.getElementById("sent");
  if (!sent) return;
  try {
    const response = await fetch(stepElement.querySelector("form").action);
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    const isSameLanguage = next.documentElement.lang === document.documentElement.lang;
    const text = next.getElementById("sent")?.textContent ?? sent.textContent;
    if (!sent.isConnected || !isSameLanguage || text === sent.textContent) return;
    for (const selector of ["#sent", "#otp-hint", ".other"]) {
      const [shown, updated] = [stepElement, next].map((each) => each.querySelector(selector));
      if (updated && !shown?.matches(":focus-within")) shown?.replaceChildren(...updated.childNodes);
    }
  } catch {
    // Without a network, the texts stay.
  }
}

function start() {
  webOtp?.abort();
  clearInterval(countdown);
  const code = document.getElementById("otp");
  if (code) {
    code.addEventListener("input", () => submitComplete(code));
    // No message has the code of an authenticator app.
    if (document.getElementById("sent")) requestWebOtp(code);
  }
  const resend = stepElement.querySelector("[data-resend-after]");
  if (resend) countDown(resend);
  for (const each of stepElement.querySelectorAll("[data-copy]")) each.hidden = !navigator.clipboard;
  for (const each of stepElement.querySelectorAll("[data-print]")) each.hidden = false;
  const { lang, dir } = document.documentElement;
  post("page", { title: document.title, lang, dir, close: document.body.dataset.close });
  stepElement.querySelector("form[data-return='']")?.requestSubmit();
}

stepElement.addEventListener("click", async ({ target }) => {
  if ("print" in target.dataset) print();
  if (!("copy" in target.dataset)) return;
  await navigator.clipboard.writeText(target.dataset.copy);
  const status = document.getElementById("copied");
  const text = target.textContent;
  target.textContent = status.textContent = status.dataset.copied;
  setTimeout(() => {
    target.textContent = text;
    status.textContent = "";
  }, 2000);
});

// Submit a complete code. Its digits can be of any script and have separators, such as a
// pasted "123-456"; the service reads them.
function submitComplete(code) {
  const digits = code.value.replace(/[\s\p{Pd}\p{Cf}]/gu, "");
  if (/^\p{Nd}+$/u.test(digits) && [...digits].length === Number(code.dataset.length)) {
    code.form.requestSubmit(code.form.querySelector("button"));
  }
}

async function requestWebOtp(code) {
  if (!("OTPCredential" in window)) return;
  webOtp = new AbortController();
  try {
    const options = { otp: { transport: ["sms"] }, signal: webOtp.signal };
    code.value = (await navigator.credentials.get(options)).code;
    submitComplete(code);
  } catch {
    // The request was aborted or denied; the code is entered by hand.
  }
}

function countDown(button) {
  const { resendAfter, now, later } = button.dataset;
  const units = JSON.parse(button.dataset.units);
  const end = Date.now() + resendAfter * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    const text = left > 0 ? later.replace("{wait}", formatWait(left, units)) : now;
    const others = stepElement.querySelectorAll(".other button");
    for (const each of [button, ...others]) each.disabled = left > 0;
    if (button.textContent !== text) button.textContent = text;
    if (left > 0) return;
    clearInterval(countdown);
    if (resendAfter > 0) updateChannel();
  };
  countdown = setInterval(tick, 250);
  tick();
}

// A time as a text with one unit, rounded up, as the service formats it.
function formatWait(seconds, units) {
  const [unit, size] = [["days", 86400], ["hours", 3600], ["minutes", 60]].find(([, size]) => seconds > size) ?? ["seconds", 1];
  const n = Math.ceil(seconds / size);
  const forms = units[unit];
  const form = forms[new Intl.PluralRules(document.documentElement.lang).select(n)] ?? forms.other;
  return form.replace("{n}", n);
}

if (embedder) {
  new ResizeObserver(() => post("size", { height: Math.ceil(document.body.getBoundingClientRect().height) })).observe(document.body);
  document.addEventListener("keydown", (event) => event.key === "Escape" && post("close"));
  // Browsers ignore `autofocus` in a frame of another origin.
  addEventListener("focus", () => document.activeElement === document.body && focusStep());
  if (document.hasFocus()) focusStep();
}

document.addEventListener("visibilitychange", () => document.hidden || updateChannel());
start();
