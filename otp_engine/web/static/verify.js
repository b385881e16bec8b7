// Saves a person round trips and typing. Everything works without it.
"use strict";

const said = document.getElementById("said");
const flow = document.getElementById("flow");
let listening; // for a message that the browser may read
let counting;

// Steps without leaving the page, so that what is said is read aloud.
flow.addEventListener("submit", async (event) => {
  const form = event.target;
  if ("return" in form.dataset) return;
  event.preventDefault();
  const fields = new FormData(form, event.submitter);
  const step = Object.assign(document.createElement("input"), { type: "hidden", name: "step", value: fields.get("step") });
  for (const button of flow.querySelectorAll("button")) button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields) });
    show(new DOMParser().parseFromString(await answer.text(), "text/html"), answer.headers);
  } catch {
    form.append(step);
    form.submit(); // the browser says best what is wrong
  }
});

function show(next, headers) {
  const fresh = next.getElementById("flow");
  if (!fresh) return location.reload();
  document.title = next.title;
  flow.dataset.step = fresh.dataset.step;
  flow.replaceChildren(...fresh.childNodes);
  said.className = next.getElementById("said").className;
  said.textContent = next.getElementById("said").textContent;
  begin(Number(headers.get("OTP-Resend-After")));
  (flow.querySelector("[autofocus]") ?? flow.querySelector("h1"))?.focus();
}

function begin(resendAfter) {
  listening?.abort();
  clearInterval(counting);
  const code = document.getElementById("otp");
  if (code) {
    code.addEventListener("input", () => tidy(code));
    listen(code);
  }
  const resend = flow.querySelector("[data-resend-after]");
  if (resend) countDown(resend, resendAfter || Number(resend.dataset.resendAfter));
  flow.querySelector("form[data-return]")?.submit();
}

// A pasted "123-456" is a code; a whole one need not be sent by hand.
function tidy(code) {
  const digits = code.value.replace(/[\s-]/g, "");
  if (digits !== code.value) code.value = digits;
  if (/^[0-9]+$/.test(digits) && digits.length === Number(code.dataset.length)) {
    code.form.requestSubmit(code.form.querySelector("button"));
  }
}

async function listen(code) {
  if (!("OTPCredential" in window)) return;
  listening = new AbortController();
  try {
    const options = { otp: { transport: ["sms"] }, signal: listening.signal };
    code.value = (await navigator.credentials.get(options)).code;
    tidy(code);
  } catch {
    // The person typed it, or said no.
  }
}

function countDown(button, seconds) {
  const end = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.later.replace("{seconds}", left) : button.dataset.now;
    if (left <= 0) clearInterval(counting);
  };
  counting = setInterval(tick, 250);
  tick();
}

begin(0);
