// What the pages can do with JavaScript on. Without it, every form and link works too.
(() => {
  "use strict";
  const announce = (text) => { document.getElementById("announcer").textContent = text; };

  // After a vote: tell a screen reader what changed, and leave the focus on the button.
  document.addEventListener("htmx:afterSettle", (event) => {
    const form = event.target.closest?.(".vote") ?? document.getElementById(event.detail.elt?.id);
    const button = form?.querySelector("button");
    if (!button) return;
    button.focus({ preventScroll: true });
    announce(`${button.querySelector(".vote-word").textContent}. ${button.querySelector(".visually-hidden").textContent}`);
  });

  // "Load more" appends the rows of the next page, and moves the focus to the first of them.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-load-more]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    link.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(link.href, { headers: { Accept: "text/html" } });
      if (!response.ok) throw new Error(response.status);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const selector = link.dataset.loadMore;
      const rows = [...page.querySelector(selector).children];
      document.querySelector(selector).append(...rows);
      window.htmx?.process(document.querySelector(selector));
      const next = page.querySelector("a[data-load-more]");
      if (next) { link.href = next.href; link.removeAttribute("aria-busy"); } else link.parentElement.remove();
      rows[0]?.querySelector(".post-title a")?.focus();
    } catch { location.assign(link.href); }
  });
})();
