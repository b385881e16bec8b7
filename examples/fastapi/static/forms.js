// Both scripts are a help only: the forms work without them.

// Count down on the button for a new code. The service refuses an earlier request.
for (const button of document.querySelectorAll("button[data-wait]")) {
  const text = button.textContent;
  const end = Date.now() + Number(button.dataset.wait) * 1000;
  const show = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `${text} (in ${left} s)` : text;
    if (left > 0) setTimeout(show, 250);
  };
  show();
}

// Send each form once: after a double click the second check would find a used code.
const sent = new Set();
addEventListener("submit", (event) => {
  if (sent.has(event.target)) event.preventDefault();
  sent.add(event.target);
});
addEventListener("pageshow", () => sent.clear());
