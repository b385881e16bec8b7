// The theme puts each wide table into an element that scrolls. A keyboard can only scroll
// an element that has the focus, so those that are wider than the screen can have it.
const watch = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) {
      target.tabIndex = 0;
      target.setAttribute("role", "region");
      target.setAttribute("aria-label", "Table");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) target.removeAttribute(name);
    }
  }
});
const watchTables = () =>
  document.querySelectorAll(".md-typeset__scrollwrap").forEach((table) => watch.observe(table));
new MutationObserver(watchTables).observe(document.body, { childList: true, subtree: true });
watchTables();
