// Opens the widgets of a portal in the page that loads this script. docs/operating/widgets.md describes its use.
(() => {
  "use strict";
  const loaded = Symbol.for("earshot.widgets");
  const script = document.currentScript ?? document.querySelector("script[src*='/widgets_sdk']");
  // A page may load the script twice, such as with each of its components.
  if (window[loaded] || !script) {
    return;
  }
  window[loaded] = true;

  const portal = new URL(".", script.src);
  const isOfPortal = (address) => address.origin === portal.origin && address.pathname.startsWith(portal.pathname);
  const claims = ["email", "uid", "name", "token", "avatar_url", "company", "mrr", "arr", "ltv"];
  claims.push(...Array.from({ length: 10 }, (_, index) => `segment_${index + 1}`));
  const launchers = "[data-productlift-widget], [data-productlift-sidebar]";
  const clickable = "a[href], button, input, select, summary, textarea";

  // A constructed style sheet is allowed whatever the Content-Security-Policy of the page.
  const styles = new CSSStyleSheet();
  styles.replaceSync(`
    :host { all: initial; color-scheme: light dark; }
    dialog {
      box-sizing: border-box; padding: 0; border: 0; overflow: hidden; overscroll-behavior: contain;
      width: min(44rem, 100vw - 2rem); height: min(48rem, 100dvh - 2rem); max-width: none; max-height: none;
      border-radius: .75rem; background: Canvas; color: CanvasText; box-shadow: 0 1rem 3rem rgb(0 0 0 / .4);
    }
    dialog[open] { display: flex; flex-direction: column; }
    dialog::backdrop { background: rgb(0 0 0 / .5); }
    dialog.sidebar {
      width: min(28rem, 100vw); height: 100dvh; margin: 0; margin-inline-start: auto; border-radius: 0;
    }
    @media (max-width: 40rem) {
      dialog.overlay { width: 100vw; height: 100dvh; border-radius: 0; }
    }
    button {
      flex: none; align-self: end; width: 2.75rem; height: 2.75rem; padding: 0; border: 0; cursor: pointer;
      background: none; color: inherit; font: 1.5rem/1 system-ui, sans-serif;
    }
    button:focus-visible { outline: 3px solid; outline-offset: -4px; }
    iframe { flex: 1; width: 100%; border: 0; }
    p { margin: 0 1.5rem; font: 1rem/1.6 system-ui, sans-serif; }
    @media (prefers-reduced-motion: no-preference) {
      dialog[open] { animation: appear .15s ease-out; }
      @keyframes appear { from { opacity: 0; } }
    }
  `);

  // The widget that is open: its dialog, its frame, and what to call when a page in the frame is ready.
  let current = null;

  const open = (launcher, id, kind) => {
    current?.dialog.close();
    const name = launcher.getAttribute("aria-label") || launcher.textContent.trim() || "Feedback";
    const place = document.createElement("div");
    const dialog = document.createElement("dialog");
    const button = document.createElement("button");
    const frame = document.createElement("iframe");
    const message = document.createElement("p");
    dialog.className = kind;
    for (const [attribute, value] of [["role", "dialog"], ["aria-modal", "true"], ["aria-label", name]]) {
      dialog.setAttribute(attribute, value);
    }
    button.type = "button";
    button.textContent = "\u00d7";
    button.setAttribute("aria-label", "Close");
    button.addEventListener("click", () => dialog.close());
    frame.title = name;
    frame.src = new URL(`widgets/${encodeURIComponent(id)}`, portal).href;
    message.setAttribute("role", "alert");
    // Every page loads, also an error page of the browser; only those of the portal say that they are ready.
    let unready = 0;
    const showFrame = (isShown) => {
      frame.hidden = !isShown;
      message.textContent = isShown ? "" : "This can't be shown at the moment.";
    };
    const setReady = () => {
      unready -= 1;
      showFrame(true);
    };
    frame.addEventListener("load", () => {
      unready += 1;
      // A page that is ready says so just before or after this event.
      setTimeout(() => showFrame(unready < 1), 500);
    });
    dialog.append(button, message, frame);
    // A click beside the dialog is one on its backdrop, which belongs to it.
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      place.remove();
      if (current?.dialog === dialog) {
        current = null;
      }
      launcher.focus?.({ preventScroll: true });
    });
    const root = place.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    root.append(dialog);
    document.body.append(place);
    current = { dialog, frame, setReady };
    dialog.showModal();
  };

  // Events are handled at the document, so that launchers which are added later work as well.
  const find = (event, selector) => event.composedPath()[0]?.closest?.(selector);
  const handleLauncher = (event) => {
    const launcher = find(event, launchers);
    if (!launcher || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) {
      return;
    }
    if (event.type === "keydown") {
      // The browser makes a click of the keys for elements that are clickable by themselves.
      const isKey = (event.key === "Enter" || event.key === " ") && !event.repeat;
      if (!isKey || event.composedPath()[0] !== launcher || launcher.matches(clickable)) {
        return;
      }
    }
    event.preventDefault();
    const { productliftWidget, productliftSidebar } = launcher.dataset;
    if (productliftWidget === undefined) {
      open(launcher, productliftSidebar, "sidebar");
    } else {
      open(launcher, productliftWidget, "overlay");
    }
  };
  document.addEventListener("click", handleLauncher, true);
  document.addEventListener("keydown", handleLauncher, true);

  // Who the visitor is. It is sent to frames of the portal only, and never as a part of an address that logs contain.
  let identity = null;
  const frames = new Set();
  const send = (target) => identity && target.postMessage({ type: "earshot:identify", user: identity }, portal.origin);
  const identify = (user) => {
    if (user === null || typeof user !== "object") {
      return;
    }
    const isValue = (name) => ["string", "number"].includes(typeof user[name]);
    identity = Object.fromEntries(claims.filter(isValue).map((name) => [name, user[name]]));
    frames.forEach(send);
  };
  const queue = window.PQ;
  window.ProductLiftIdentify = identify;
  window.PQ = { push: (...users) => users.forEach(identify) };
  if (Array.isArray(queue)) {
    queue.forEach(identify);
  }

  window.addEventListener("message", ({ origin, source, data }) => {
    if (origin !== portal.origin || !source) {
      return;
    }
    if (data?.type === "earshot:ready") {
      frames.forEach((frame) => frame.closed && frames.delete(frame));
      frames.add(source);
      send(source);
      if (source === current?.frame.contentWindow) {
        current.setReady();
      }
    } else if (data?.type === "earshot:close" && source === current?.frame.contentWindow) {
      current.dialog.close();
    }
  });
  // A frame that was loaded before this script says again that it is ready.
  document.querySelectorAll("iframe[data-productlift-link]").forEach((frame) => {
    frame.contentWindow?.postMessage({ type: "earshot:hello" }, "*");
  });

  // A signed token, which the site of this page has made for the visitor, is added to links that log in.
  const addToken = (event) => {
    const link = find(event, "a[data-productlift-link][href]");
    if (link && identity?.token && isOfPortal(link)) {
      const address = new URL(link.href);
      address.searchParams.set("token", identity.token);
      link.href = address.href;
    }
  };
  for (const type of ["click", "auxclick", "contextmenu"]) {
    document.addEventListener(type, addToken, true);
  }
})();
