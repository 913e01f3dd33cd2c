// What the pages can do with JavaScript on. Without it, every form and link works too.
(() => {
  "use strict";
  const announcer = () => document.getElementById("announcer");
  const announce = (text) => { announcer().textContent = text; };

  // Tell a screen reader what htmx changed. After a vote the focus stays on the button; similar posts leave it in the field.
  document.addEventListener("htmx:afterSettle", ({ target }) => {
    if (target.matches(".vote")) target.querySelector("button")?.focus({ preventScroll: true });
    const text = target.dataset.announce ?? target.querySelector(":scope > .similar > h2")?.textContent;
    if (text) announce(text);
  });

  // The form that "Reply" or "Edit" has opened stays, with what was typed, when a link asks for it or another one again.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, target } = event.detail;
    const field = elt.matches(".comment-actions a") && target.querySelector("textarea");
    if (!field) return;
    const isSame = field.form.action === elt.href;
    if (!isSame && field.value === field.defaultValue) return;
    event.preventDefault();
    field.focus();
  });

  // A vote that the server refuses is sent again as a plain form, whose response says why. A link is opened.
  document.addEventListener("htmx:responseError", ({ detail: { elt } }) => {
    if (elt.matches("form")) elt.submit();
    else if (elt.matches("a")) location.assign(elt.href);
  });
  document.addEventListener("htmx:sendError", () => announce(announcer().dataset.offline));

  document.addEventListener("click", async (event) => {
    const target = (selector) => event.target.closest(selector);
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey;

    // "Cancel" of a form inside the page removes the form, and leaves the focus beside it.
    const cancel = target("a[data-close-form]");
    const holder = cancel?.closest(".comment > div[id]");
    if (holder && isPlain) {
      event.preventDefault();
      holder.replaceChildren();
      holder.parentElement.querySelector(".comment-actions a").focus();
    }

    // Pictures open above the page. Escape, the button and a click beside the picture close it.
    const picture = target("a[data-lightbox]");
    const lightbox = document.getElementById("lightbox");
    if (picture && lightbox && isPlain) {
      event.preventDefault();
      const image = lightbox.querySelector("img");
      image.src = picture.href;
      image.alt = picture.querySelector("img").alt;
      lightbox.showModal();
    }
    if (event.target === lightbox) lightbox.close();

    const copy = target("[data-copy]");
    if (copy) {
      try {
        await navigator.clipboard.writeText(copy.dataset.copy);
        copy.querySelector("span").textContent = copy.dataset.copied;
        announce(copy.dataset.copied);
      } catch {
        getSelection().selectAllChildren(document.querySelector("[data-share]"));
      }
    }

    // "Load more" appends the rows of the next page, and moves the focus to the first of them.
    const more = target("a[data-load-more]");
    if (!more || !isPlain) return;
    event.preventDefault();
    more.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(more.href, { headers: { Accept: "text/html" } });
      if (!response.ok) throw new Error(response.status);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const selector = more.dataset.loadMore;
      const rows = [...page.querySelector(selector).children];
      document.querySelector(selector).append(...rows);
      window.htmx?.process(document.querySelector(selector));
      const next = page.querySelector("a[data-load-more]");
      if (next) { more.href = next.href; more.removeAttribute("aria-busy"); } else more.parentElement.remove();
      rows[0]?.querySelector(".post-title a")?.focus();
    } catch { location.assign(more.href); }
  });

  // A second click must not send a form twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-form]")) return;
    if (event.timeStamp - (form.dataset.sentAt ?? -Infinity) < 3000) event.preventDefault();
    else form.dataset.sentAt = event.timeStamp;
  });

  // Dropped and pasted pictures are added to those that were chosen.
  const add = (input, files) => {
    const pictures = [...files].filter((file) => input.accept.split(",").includes(file.type));
    if (!pictures.length) return false;
    const chosen = new DataTransfer();
    for (const file of [...input.files, ...pictures]) chosen.items.add(file);
    input.files = chosen.files;
    announce(pictures.map((file) => file.name).join(", "));
    return true;
  };
  const drop = document.querySelector("[data-drop]");
  if (drop) {
    const input = drop.querySelector("input");
    const mark = (isOver) => drop.classList.toggle("is-over", isOver);
    drop.addEventListener("dragover", (event) => { event.preventDefault(); mark(true); });
    drop.addEventListener("dragleave", () => mark(false));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      add(input, event.dataTransfer.files);
    });
    document.addEventListener("paste", (event) => {
      if (add(input, event.clipboardData.files)) event.preventDefault();
    });
  }
  if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;

  // A notice is said once: neither a reload nor a copied address repeats it.
  const address = new URL(location);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    history.replaceState(history.state, "", address);
  }
})();
