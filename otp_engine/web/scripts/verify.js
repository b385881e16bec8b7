/*! The drop-in of OTP Engine: shows the page /verify in a dialog. */
(() => {
  "use strict";
  if (window.OTPVerify) return;

  const BLOCKED_AFTER = 2000; // milliseconds without a message of a page that has loaded
  const SLOW_AFTER = 15000; // milliseconds without a message of any page
  const STYLE = `
    dialog { box-sizing: border-box; width: 416px; max-width: 100%; max-height: 100dvh; margin: auto; padding: 0; overflow: hidden; border: 1px solid #d3d6e2; border-radius: 20px; background: #fff; color: #171a2b; color-scheme: light dark; }
    dialog::backdrop { background: rgb(0 0 0 / .5); }
    button { display: block; width: 44px; height: 44px; margin-inline-start: auto; padding: 0; border: 0; border-radius: 12px; background: none; color: inherit; font: 28px/1 system-ui, sans-serif; cursor: pointer; }
    button:focus-visible { outline: 3px solid currentColor; outline-offset: -4px; }
    iframe { display: block; width: 100%; height: 320px; max-height: calc(100dvh - 78px); border: 0; transition: height .15s; }
    @media (prefers-color-scheme: dark) { dialog { border-color: #3a3f57; background: #1a1d2b; color: #eceefa; } }
    @media (max-width: 480px) {
      dialog { width: 100%; height: 100dvh; border: 0; border-radius: 0; }
      iframe { height: calc(100dvh - 44px) !important; max-height: none; }
    }
    @media (prefers-reduced-motion: reduce) { iframe { transition: none; } }`;
  let current;

  // Open a link to the page. The result is {proof, state, returnUrl} or {reason: "closed"}.
  function open(link) {
    const url = new URL(link.href ?? link, document.baseURI);
    if (!/^https?:$/.test(url.protocol)) throw new TypeError("OTPVerify.open needs a link to /verify");
    if (!(window.HTMLDialogElement?.prototype.showModal && "adoptedStyleSheets" in document)) return leave(url);
    current?.finish({ reason: "closed" });
    return new Promise((resolve) => {
      current = show(url, link.textContent?.trim() || document.title, resolve);
    });
  }

  // Without a dialog, the link opens as it does without this script.
  function leave(url) {
    location.assign(url);
    return new Promise(() => {});
  }

  function show(url, label, resolve) {
    const focused = document.activeElement;
    const host = document.createElement("div");
    const root = host.attachShadow({ mode: "open" });
    const [dialog, button, frame] = ["dialog", "button", "iframe"].map((name) => document.createElement(name));
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const framed = new URL(url);
    framed.searchParams.set("embed", location.origin);
    dialog.setAttribute("aria-label", label);
    button.type = "button";
    button.textContent = "×";
    button.setAttribute("aria-label", "Close");
    frame.title = label;
    frame.allow = "otp-credentials; clipboard-write";
    frame.src = framed;
    dialog.append(button, frame);
    root.append(dialog);
    document.body.append(host);

    let timer = setTimeout(() => leave(url), SLOW_AFTER);
    function onLoad() {
      frame.focus();
      if (!timer) return;
      clearTimeout(timer);
      timer = setTimeout(() => leave(url), BLOCKED_AFTER);
    }
    function finish(result) {
      clearTimeout(timer);
      removeEventListener("message", receive);
      current = undefined;
      dialog.close();
      host.remove();
      focused?.focus();
      resolve(result);
    }
    const close = () => finish({ reason: "closed" });
    // Only the page in this frame, and only of the service, is heard.
    function receive({ source, origin, data }) {
      if (source !== frame.contentWindow || origin !== url.origin) return;
      switch (data?.otpVerify) {
        case "page":
          clearTimeout(timer);
          timer = undefined;
          dialog.lang = data.lang;
          dialog.dir = data.dir;
          dialog.setAttribute("aria-label", (frame.title = data.title));
          button.setAttribute("aria-label", data.close);
          return;
        case "size":
          frame.style.height = `${Math.min(Math.max(Number(data.height) || 0, 100), 4000)}px`;
          return;
        case "close":
          return close();
        case "approved": {
          const { proof, state, returnUrl } = data;
          // Another window can have started a verification in the same session.
          if (state === (url.searchParams.get("state") ?? state)) finish({ proof, state, returnUrl });
        }
      }
    }
    addEventListener("message", receive);
    frame.addEventListener("load", onLoad);
    button.addEventListener("click", close);
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      close();
    });
    dialog.showModal();
    return { finish };
  }

  // Post the form that the page posts in a window.
  function submit({ returnUrl, proof, state }) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = returnUrl;
    for (const [name, value] of Object.entries({ otp_proof: proof, state })) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    document.body.append(form);
    form.submit();
  }

  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a[data-otp-verify]");
    const isOther = event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || isOther || event.defaultPrevented) return;
    event.preventDefault();
    const detail = await open(link);
    const result = new CustomEvent("otp-verify", { bubbles: true, cancelable: true, detail });
    if (link.dispatchEvent(result) && detail.proof) submit(detail);
  });

  window.OTPVerify = Object.freeze({ open });
})();
