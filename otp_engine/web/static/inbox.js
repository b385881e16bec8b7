// Refreshes the inbox, and copies codes to the clipboard.
"use strict";

const REFRESH_INTERVAL = 1000; // milliseconds

function showCopyButtons() {
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const current = document.getElementById("messages");
    const updated = page.getElementById("messages");
    // Replacing a focused button would lose the focus.
    if (current.contains(document.activeElement)) return;
    if (current.innerHTML !== updated.innerHTML) current.replaceChildren(...updated.childNodes);
    showCopyButtons();
  } catch {
    // The service may be restarting; the next refresh retries.
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.code);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; button.blur(); }, 1500);
});

showCopyButtons();
setInterval(refresh, REFRESH_INTERVAL);
