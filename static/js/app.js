// The little the pages need beyond HTML and htmx. Everything works without it; nothing here is inline, nothing is evaluated.
(() => {
  "use strict";
  const doc = document;
  const all = (selector, root = doc) => [...root.querySelectorAll(selector)];

  // ---- Time zone: the browser knows it; the server reads the cookie `tz` until a person chooses one. Asking Intl loads the tables of
  // all languages in some browsers, so it waits until the page is there, and is not asked where Temporal knows.
  const rest = window.requestIdleCallback || ((task) => setTimeout(task, 200));
  rest(() => {
    try {
      const zone = window.Temporal?.Now?.timeZoneId() || Intl.DateTimeFormat().resolvedOptions().timeZone || "";
      if (/^[A-Za-z0-9_+\-/]{1,64}$/.test(zone) && !doc.cookie.split("; ").includes(`tz=${zone}`)) {
        doc.cookie = `tz=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${location.protocol === "https:" ? "; Secure" : ""}`;
      }
    } catch { /* an old browser: the server falls back to the profile's zone */ }
  }, { timeout: 2000 });

  // ---- Nothing typed is lost. `data-draft="key"` on a field (or on a form, for all its textareas) keeps its text in this tab until
  // a page carries `data-draft-done="key"`; `data-keep="key"` on a form carries its e-mail address to the next such form.
  const store = {
    get: (key) => { try { return sessionStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { value ? sessionStorage.setItem(key, value) : sessionStorage.removeItem(key); } catch { /* full or forbidden */ } },
  };
  const draftKey = (field) => {
    if (field.type === "password") return null;
    if (field.dataset.draft) return `draft:${field.dataset.draft}`;
    const form = field.form;
    if (form && form.dataset.draft && field.tagName === "TEXTAREA") return `draft:${form.dataset.draft}:${field.name}`;
    if (form && form.dataset.keep && field.type === "email") return `keep:${form.dataset.keep}`;
    return null;
  };
  doc.addEventListener("input", (event) => {
    const key = event.target.form !== undefined && draftKey(event.target);
    if (key) store.set(key, event.target.value);
  });
  const restore = (root) => {
    for (const done of all("[data-draft-done]", root)) {
      const prefix = `draft:${done.dataset.draftDone}`;
      try {
        for (const key of Object.keys(sessionStorage)) if (key === prefix || key.startsWith(`${prefix}:`)) sessionStorage.removeItem(key);
      } catch { /* no storage, no drafts */ }
    }
    for (const field of all("[data-draft], form[data-draft] textarea, form[data-keep] input[type=email]", root)) {
      if (field.tagName === "FORM" || field.value) continue; // what the server sent wins
      const kept = store.get(draftKey(field));
      if (kept) {
        field.value = kept;
        field.dispatchEvent(new Event("change", { bubbles: true }));
      }
    }
  };

  // ---- One press, one request. The button stays in the form data (it is not disabled) and comes back if the page does.
  const release = (form) => {
    delete form.dataset.sent;
    for (const button of all("[aria-busy=true]", form)) button.removeAttribute("aria-busy");
  };
  doc.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.hasAttribute("data-forget")) { try { sessionStorage.clear(); } catch { /* nothing kept */ } }
    if (form.matches("[hx-post],[hx-get],[hx-put],[hx-patch],[hx-delete],[data-again]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    event.submitter?.setAttribute("aria-busy", "true");
    setTimeout(() => release(form), 10000); // a download leaves the page standing
  });
  addEventListener("pageshow", (event) => { if (event.persisted) all("form[data-sent]").forEach(release); });

  // ---- Focus goes where the work is: a fragment marks its heading, error or summary with data-focus (and tabindex="-1"); a field that
  // is wrong needs no mark.
  const focusIn = (root) => {
    const target = root.matches?.("[data-focus]") ? root : root.querySelector?.("[data-focus]") || root.querySelector?.("[aria-invalid=true]");
    if (!target) return;
    target.focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    target.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  };

  // ---- Menus (details[data-menu]) open by themselves; Escape, a click elsewhere and leaving by keyboard close them.
  const closeMenus = (except) => { for (const menu of all("details[data-menu][open]")) if (menu !== except) menu.open = false; };
  doc.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details[data-menu]"));
    event.target.closest("[data-close]")?.closest(".alert")?.remove();
    if (event.target.closest("[data-print]")) print();
  });
  doc.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details[data-menu][open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  doc.addEventListener("focusin", (event) => closeMenus(event.target.closest("details[data-menu]")));

  // ---- Selects and radios that send their form at once (data-auto-submit); without JavaScript the form's own button does.
  doc.addEventListener("change", (event) => {
    if (event.isTrusted && event.target.matches("[data-auto-submit]")) event.target.form?.requestSubmit();
  });

  // ---- Long lists (.people). A phone would stand still while all of one came up, so app.css skips what is out of view, and it is laid out
  // here when the browser has nothing else to do, two cards at a time. Left skipped, it would keep the colours and the width of before
  // when those change.
  const layOut = (cards) => {
    for (const card of cards.splice(0, 2)) card.style.contentVisibility = "visible";
    if (cards.length) rest(() => layOut(cards));
  };
  const ready = (root) => {
    restore(root);
    rest(() => layOut(all(".people > li:nth-child(n + 4)", root)));
    for (const button of all("[data-close][hidden]", root)) button.hidden = false;
    for (const element of all("[data-needs-js][hidden]", root)) element.hidden = false;
    for (const element of all("[data-without-js]", root)) element.hidden = true;
  };

  // ---- htmx
  const trouble = () => {
    const notices = doc.getElementById("notices");
    const template = doc.getElementById("trouble");
    if (!notices || !template) return;
    const copy = template.content.cloneNode(true);
    ready(copy);
    notices.replaceChildren(copy);
    notices.scrollIntoView({ block: "nearest" });
  };
  // What is being replaced is dimmed, and says so; it keeps its size until the new one is there.
  doc.addEventListener("htmx:beforeRequest", (event) => event.detail.target?.setAttribute("aria-busy", "true"));
  doc.addEventListener("htmx:afterRequest", (event) => event.detail.target?.removeAttribute("aria-busy"));
  doc.addEventListener("htmx:afterSettle", (event) => focusIn(event.detail.elt));
  doc.addEventListener("htmx:load", (event) => { if (event.detail.elt !== doc.body) ready(event.detail.elt); });
  doc.addEventListener("htmx:responseError", trouble);
  doc.addEventListener("htmx:sendError", trouble);
  doc.addEventListener("htmx:timeout", trouble);

  ready(doc);
  // Where one is stands in view, also in a row of pages that is wider than a phone.
  doc.querySelector(".manage-side [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });
  const begin = () => focusIn(doc.querySelector("main") || doc.body);
  begin();
  // A place named in the address takes the focus once all is loaded; what the page has to say goes before it.
  if (location.hash) addEventListener("load", () => setTimeout(begin), { once: true });
})();
