const [status, link, logOut] = ["status", "verify", "log-out"].map((id) => document.getElementById(id));

async function showSession() {
  const { number, link: url } = await (await fetch("/session")).json();
  status.textContent = number ? `You are logged in as ${number}.` : "";
  link.hidden = Boolean(number);
  logOut.hidden = !number;
  if (!url) return;
  link.href = url;
  if (!window.OTPVerify) await load(new URL("verify.js", url));
}

// Without the drop-in, the link leads to the page of the service.
function load(src) {
  return new Promise((resolve) => {
    const script = Object.assign(document.createElement("script"), { src, onload: resolve, onerror: resolve });
    document.head.append(script);
  });
}

link.addEventListener("otp-verify", async (event) => {
  event.preventDefault();
  const { proof, state } = event.detail;
  if (!proof) return;
  const body = new URLSearchParams({ otp_proof: proof, state });
  const response = await fetch("/verified", { method: "POST", body });
  await showSession();
  if (!response.ok) status.textContent = "This did not work. Try again.";
});

logOut.addEventListener("click", async () => {
  await fetch("/log-out", { method: "POST" });
  await showSession();
});

await showSession();
