// Refreshes the figures, while the page is visible and not paused.
"use strict";

const INTERVAL = 15_000; // milliseconds

const news = document.getElementById("news");
const pause = document.getElementById("pause");
let isPaused = false;
let timer = null;

function schedule() {
  clearTimeout(timer);
  timer = isPaused || document.hidden ? null : setTimeout(refresh, INTERVAL);
}

async function refresh() {
  try {
    const response = await fetch(location.href, {
      headers: { "X-Refresh": "1" },
      credentials: "same-origin",
      redirect: "error",
    });
    if (response.status === 401) {
      end();
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    replace(new DOMParser().parseFromString(await response.text(), "text/html"));
    news.textContent = "";
  } catch {
    news.textContent = "The service does not answer; trying again.";
  }
  schedule();
}

function replace(page) {
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const next = page.getElementById(part.id);
    // The parts with the focus stay, because a new one would lose it.
    const isUsed = part.contains(document.activeElement);
    if (next && !isUsed && next.innerHTML !== part.innerHTML) {
      const offsets = [...part.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
      part.replaceChildren(...next.childNodes);
      part.querySelectorAll(".scroll").forEach((box, n) => {
        box.scrollLeft = offsets[n] ?? 0;
      });
    }
  }
  document.dispatchEvent(new Event("refreshed"));
}

function end() {
  const link = document.createElement("a");
  link.href = news.dataset.signIn;
  link.textContent = "Sign in again";
  news.replaceChildren("Your session has ended. ", link);
  pause.hidden = true;
}

pause.hidden = false;
pause.addEventListener("click", () => {
  isPaused = !isPaused;
  pause.setAttribute("aria-pressed", String(isPaused));
  schedule();
});
document.addEventListener("visibilitychange", () => {
  // The figures of a page that was hidden are old.
  if (!isPaused && !document.hidden) refresh();
  else schedule();
});
schedule();
