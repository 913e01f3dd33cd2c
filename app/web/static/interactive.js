// Draws the interactive page of one document. Everything comes from this server.
window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("interactive");

  // The public URL of the server may be another origin than that of this page, which may send requests to its own only.
  const sendToThisOrigin = (request) => {
    const url = new URL(request.url, location.href);
    request.url = location.origin + url.pathname + url.search;
    return request;
  };

  // A link inside a button can't be reached by keyboard. Opening an operation changes the address of the page anyway.
  const textInsteadOfLink = (system) => ({
    components: { DeepLink: ({ text }) => system.React.createElement("span", { className: "nostyle" }, text) },
  });

  new MutationObserver(() => completeForAssistiveTechnology(place)).observe(place, { childList: true, subtree: true });
  document.addEventListener("keydown", (event) => controlDialog(place, event));

  window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.address,
    plugins: [textInsteadOfLink],
    requestInterceptor: sendToThisOrigin,
    deepLinking: true,
    displayRequestDuration: true,
    // Names, not whole models, at first: long documents open at once.
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    filter: true,
    // The default theme has numbers in a red that is hard to read.
    syntaxHighlight: { theme: "obsidian" },
    // No other server is asked whether the document is valid.
    validatorUrl: null,
  });
});

// Swagger UI leaves out names, roles and the focus of its dialog.
function completeForAssistiveTechnology(place) {
  const setAttribute = (selector, name, value) => {
    for (const element of place.querySelectorAll(`${selector}:not([${name}])`)) {
      element.setAttribute(name, typeof value === "string" ? value : value(element));
    }
  };
  const nameOfParameter = (element) => {
    const name = element.closest("tr")?.querySelector(".parameter__name")?.firstChild?.textContent;
    return name?.trim() || "Value";
  };
  for (const [selector, name] of [
    [".information-container", "Description"],
    [".scheme-container", "Server and authorization"],
    [".filter-container", "Filter"],
  ]) {
    setAttribute(selector, "role", "region");
    setAttribute(selector, "aria-label", name);
  }
  setAttribute("#servers", "aria-label", "Server");
  setAttribute(".operation-filter-input", "aria-label", "Filter by tag or path");
  setAttribute(".close-modal", "aria-label", "Close");
  setAttribute(".body-param__text", "aria-label", "Request body");
  setAttribute(".parameters select, .parameters input", "aria-label", nameOfParameter);
  setAttribute("pre", "tabindex", "0");
  setAttribute("button.json-schema-2020-12-accordion", "aria-label", (button) => button.textContent.trim() || "Schema");
  setAttribute("h6", "role", "presentation");
  for (const button of place.querySelectorAll(".auth-btn-wrapper button[aria-label]")) {
    button.removeAttribute("aria-label");
  }
  const dialog = place.querySelector(".modal-ux:not([role])");
  if (dialog) {
    dialog.setAttribute("role", "dialog");
    dialog.setAttribute("aria-modal", "true");
    dialog.setAttribute("aria-label", "Available authorizations");
    (dialog.querySelector("input") ?? dialog.querySelector("button")).focus();
  }
}

// The dialog closes with Escape, and Tab stays inside it.
function controlDialog(place, event) {
  const dialog = place.querySelector(".modal-ux");
  if (!dialog) {
    return;
  }
  if (event.key === "Escape") {
    dialog.querySelector(".close-modal").click();
    place.querySelector(".btn.authorize")?.focus();
  } else if (event.key === "Tab") {
    const stops = [...dialog.querySelectorAll("a[href], button, input, select, textarea")];
    const end = event.shiftKey ? stops[0] : stops.at(-1);
    if (document.activeElement === end || !dialog.contains(document.activeElement)) {
      event.preventDefault();
      (event.shiftKey ? stops.at(-1) : stops[0]).focus();
    }
  }
}
