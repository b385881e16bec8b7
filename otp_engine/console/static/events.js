// Adds new events to the table, while the page is visible and not paused.
"use strict";

const INTERVAL = 3000; // milliseconds
const MAX_ROWS = 500;
// Screen readers read the number of new events at most this often, in milliseconds.
const QUIET = 30_000;

const table = document.getElementById("events");
const body = table.tBodies[0];
const news = document.getElementById("news");
const pause = document.getElementById("pause");
let cursor = table.dataset.cursor;
let isPaused = false;
let timer = null;
let running = new AbortController();
let announcedAt = -QUIET;

function schedule() {
  clearTimeout(timer);
  // A late response would repeat the events of the next one, which has the same cursor.
  running.abort();
  timer = isPaused || document.hidden ? null : setTimeout(refresh, INTERVAL);
}

async function refresh() {
  const query = new URLSearchParams(location.search);
  query.set("cursor", cursor);
  running = new AbortController();
  const { signal } = running;
  try {
    const response = await fetch(`${table.dataset.url}?${query}`, {
      headers: { "X-Refresh": "1" },
      credentials: "same-origin",
      redirect: "error",
      signal,
    });
    if (response.status === 401) {
      end();
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    add(await response.json());
  } catch {
    if (signal.aborted) return;
    news.textContent = "The service does not answer; trying again.";
  }
  schedule();
}

function add(page) {
  cursor = page.cursor;
  if (!page.count) {
    if (news.textContent.startsWith("The service")) news.textContent = "";
    return;
  }
  const rows = document.createElement("template");
  rows.innerHTML = page.rows; // escaped by the service
  for (const row of rows.content.querySelectorAll("tr")) row.classList.add("new");
  body.prepend(rows.content);
  while (body.rows.length > MAX_ROWS) body.deleteRow(-1);
  document.getElementById("no-event").hidden = true;
  const omitted = page.omitted ? `, and ${page.omitted} that are not shown` : "";
  // A change of `aria-live` before the text decides whether the text is read.
  const isQuiet = performance.now() - announcedAt < QUIET;
  news.setAttribute("aria-live", isQuiet ? "off" : "polite");
  news.textContent = `${page.count} new${omitted}`;
  if (!isQuiet) announcedAt = performance.now();
}

function end() {
  news.setAttribute("aria-live", "polite");
  const link = document.createElement("a");
  link.href = table.dataset.signIn;
  link.textContent = "Sign in again";
  news.replaceChildren("Your session has ended. ", link);
  pause.hidden = isPaused = true;
}

pause.hidden = false;
pause.addEventListener("click", () => {
  isPaused = !isPaused;
  pause.setAttribute("aria-pressed", String(isPaused));
  schedule();
});
document.addEventListener("visibilitychange", schedule);
schedule();
