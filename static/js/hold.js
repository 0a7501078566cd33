// How long a time is still held, beside the hour that the page says anyway. Announced a minute before the end and at the end, never
// in between: a screen reader that counts aloud is no help.
(() => {
  "use strict";
  const box = document.querySelector("[data-hold]");
  if (!box) return;
  const ends = Date.parse(box.dataset.hold);
  const left = box.querySelector("[data-hold-left]");
  const live = document.getElementById("live");
  let said = "";
  const say = (name) => {
    if (said === name) return;
    said = name;
    if (live) live.textContent = box.dataset[name];
  };
  const show = () => {
    const seconds = Math.round((ends - Date.now()) / 1000);
    const minutes = Math.ceil(seconds / 60);
    if (seconds > 0) left.textContent = minutes > 60 ? "" : ` · ${minutes === 1 ? left.dataset.one : left.dataset.many.replace("{n}", minutes)}`;
    else { left.textContent = ""; say("holdOver"); return; }
    if (seconds <= 60) say("holdSoon");
    setTimeout(show, 1000);
  };
  show();
})();
