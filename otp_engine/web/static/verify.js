// Saves page loads and typing. The page works without this script.
"use strict";

const notice = document.getElementById("notice");
const stepElement = document.getElementById("step");
let webOtp; // AbortController of a pending WebOTP request
let countdown; // interval of the resend button

// Submit without a page load, so that screen readers announce the notice.
stepElement.addEventListener("submit", async (event) => {
  const form = event.target;
  if ("return" in form.dataset) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const step = Object.assign(document.createElement("input"), { type: "hidden", name: "step", value: fields.get("step") });
  for (const button of stepElement.querySelectorAll("button")) button.disabled = true;
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields) });
    show(new DOMParser().parseFromString(await response.text(), "text/html"), response.headers);
  } catch {
    form.append(step);
    form.submit(); // the browser shows the network error
  }
});

function show(next, headers) {
  const newStep = next.getElementById("step");
  if (!newStep) return location.reload();
  document.title = next.title;
  stepElement.dataset.step = newStep.dataset.step;
  stepElement.replaceChildren(...newStep.childNodes);
  notice.className = next.getElementById("notice").className;
  notice.textContent = next.getElementById("notice").textContent;
  start(Number(headers.get("OTP-Resend-After")));
  (stepElement.querySelector("[autofocus]") ?? stepElement.querySelector("h1"))?.focus();
}

function start(resendAfter) {
  webOtp?.abort();
  clearInterval(countdown);
  const code = document.getElementById("otp");
  if (code) {
    code.addEventListener("input", () => normalize(code));
    requestWebOtp(code);
  }
  const resend = stepElement.querySelector("[data-resend-after]");
  if (resend) countDown(resend, resendAfter || Number(resend.dataset.resendAfter));
  stepElement.querySelector("form[data-return]")?.submit();
}

// Accept a pasted "123-456" in the digits of any script, and submit a complete code.
function normalize(code) {
  const digits = code.value.replace(/[\s\p{Pd}\p{Cf}]/gu, "");
  if (digits !== code.value) code.value = digits;
  if (/^\p{Nd}+$/u.test(digits) && digits.length === Number(code.dataset.length)) {
    code.form.requestSubmit(code.form.querySelector("button"));
  }
}

async function requestWebOtp(code) {
  if (!("OTPCredential" in window)) return;
  webOtp = new AbortController();
  try {
    const options = { otp: { transport: ["sms"] }, signal: webOtp.signal };
    code.value = (await navigator.credentials.get(options)).code;
    normalize(code);
  } catch {
    // The request was aborted or denied; the code is entered by hand.
  }
}

function countDown(button, seconds) {
  const end = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.later.replace("{seconds}", left) : button.dataset.now;
    if (left <= 0) clearInterval(countdown);
  };
  countdown = setInterval(tick, 250);
  tick();
}

start(0);
