// The confirm panel follows the chosen time. Without this the form books all the same; the panel just says less until then.
(() => {
  "use strict";
  const page = document.querySelector("[data-picker]");
  if (!page) return;
  const set = (name, text, hideEmpty) => {
    for (const element of page.querySelectorAll(`[data-chosen-${name}]`)) {
      element.textContent = text;
      if (hideEmpty) element.hidden = !text;
    }
  };
  const show = (radio) => {
    const { short, clock, when, theirs, warning, where } = radio.dataset;
    set("short", short);
    set("when", when);
    set("theirs", theirs);
    set("warning", warning, true);
    for (const place of page.querySelectorAll("[data-chosen-where]")) place.textContent = where || place.dataset.online;
    const button = page.querySelector("[data-book]");
    if (button) button.textContent = button.dataset.book.replace("{time}", clock);
    const kept = document.getElementById("zone-form");
    if (kept) {
      const start = kept.elements.namedItem("start") || kept.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "start" }));
      start.value = radio.value;
    }
  };
  page.addEventListener("change", (event) => { if (event.target.name === "start") show(event.target); });
  // Coming back to the page, the browser may remember another choice than the one that was sent.
  addEventListener("pageshow", () => { const radio = page.querySelector("[name=start]:checked"); if (radio) show(radio); });
})();
