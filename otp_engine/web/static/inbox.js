// Refreshes the inbox, and copies codes to the clipboard.
"use strict";

const REFRESH_INTERVAL = 1000; // milliseconds
const CHANGING = [".state", ".times", ".statuses", ".fallback"];

const messages = document.getElementById("messages");
const news = document.getElementById("news");

// Only a secure context has a clipboard: https, or localhost.
function showCopyButtons() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    document.title = page.title;
    show([...page.getElementById("messages").children]);
    showCopyButtons();
  } catch {
    // The service may be restarting; the next refresh retries.
  }
}

// Keeps the elements of known messages, so that no focus and no selection is lost.
function show(updated) {
  const listed = new Set(updated.map((element) => element.id));
  for (const element of [...messages.children]) {
    if (!listed.has(element.id)) element.remove();
  }
  let place = messages.firstElementChild;
  for (const element of updated) {
    if (place?.id === element.id) {
      update(place, element);
      place = place.nextElementSibling;
    } else {
      messages.insertBefore(element, place);
      const number = element.querySelector("h2");
      if (number) news.textContent = `New message to ${number.textContent}`;
    }
  }
}

function update(shown, updated) {
  for (const selector of CHANGING) {
    const [before, after] = [shown, updated].map((element) => element.querySelector(selector));
    if (before && after && before.outerHTML !== after.outerHTML) before.replaceWith(after);
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.code);
  button.textContent = "Copied";
  news.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

showCopyButtons();
setInterval(refresh, REFRESH_INTERVAL);
