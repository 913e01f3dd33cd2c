// Lets the page around this one, which has loaded widgets_sdk.js, say who the visitor is, and close its dialog.
(() => {
  "use strict";
  // The messages contain nothing, so any page may receive them.
  const tell = (type) => window.parent.postMessage({ type }, "*");
  if (window.parent === window) {
    return;
  }
  window.addEventListener("message", ({ source, data }) => {
    if (source === window.parent && data?.type === "earshot:hello") {
      tell("earshot:ready");
    }
  });
  // The page around this one does not see keys that are pressed in here.
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      tell("earshot:close");
    }
  });
  const button = document.querySelector("button.button");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => tell("earshot:close"));
  }
  tell("earshot:ready");
})();
