// The console's box that finds anything: Ctrl K leads to it, arrows walk through what was found, Escape ends it.
// Without this the form leads to a page of its own. In the calendar, left and right turn the weeks; a template's preview
// follows what is typed.
(() => {
  const box = () => document.getElementById("find");
  const links = () => [...document.querySelectorAll("#found a")];
  const close = () => { const found = document.getElementById("found"); if (found) found.replaceChildren(); };

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && box()) {
      event.preventDefault();
      box().focus();
      box().select();
      return;
    }
    // The week before and the week after.
    const turn = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (turn && !event.target.closest?.("input, select, textarea, [contenteditable]") && !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey)) {
      document.querySelector(`.week-nav a[rel=${turn}]`)?.click();
    }
    const inside = event.target.closest?.(".find");
    if (!inside) return;
    if (event.key === "Escape") {
      close();
      box().focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const all = links(), next = all.indexOf(document.activeElement) + step;
    if (!all.length) return;
    event.preventDefault();
    (next < 0 ? box() : all[Math.min(next, all.length - 1)]).focus();
  });

  document.addEventListener("click", (event) => { if (!event.target.closest(".find")) close(); });

  // A message template's preview follows what is typed. It is fetched and not navigated to, so that Back leads where it did;
  // nothing in it may run.
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("button[formtarget=message-preview]");
    const frame = document.querySelector("iframe[name=message-preview]");
    if (!button || !frame) return;
    let wait, last = 0;
    const show = async () => {
      const mine = ++last;
      const answer = await fetch(button.formAction, { method: "POST", body: new FormData(button.form) }).catch(() => null);
      if (!answer?.ok || mine !== last) return;
      frame.setAttribute("sandbox", "");
      frame.removeAttribute("src");
      frame.srcdoc = await answer.text();
    };
    button.form.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(show, 350); });
  });
})();
