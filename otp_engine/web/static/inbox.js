// Keeps the inbox fresh, and copies codes.
"use strict";

const every = 1000; // milliseconds

function offerCopies() {
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const old = document.getElementById("letters");
    const next = fresh.getElementById("letters");
    // Whoever is about to copy keeps the button under their finger.
    if (old.contains(document.activeElement)) return;
    if (old.innerHTML !== next.innerHTML) old.replaceChildren(...next.childNodes);
    offerCopies();
  } catch {
    // The service is being restarted; the next try may find it.
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.code);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; button.blur(); }, 1500);
});

offerCopies();
setInterval(refresh, every);
