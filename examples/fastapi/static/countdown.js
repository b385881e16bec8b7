// Count down on the button for a new code. Without scripts the service refuses an early
// request, and the page shows the wait.
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
