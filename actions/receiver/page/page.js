// Brings the parts of the page up to date by themselves. Without this script everything works by reloading.
"use strict";

const QUIET_SECONDS = 60; // where nothing moves
const main = document.getElementById("main");
const updates = document.getElementById("updates");
const pause = document.getElementById("pause");
let paused = false;
let timer;
let lastAnswer = new Date();

function wait() {
  clearTimeout(timer);
  const seconds = Number(main.dataset.seconds || QUIET_SECONDS);
  if (!paused) timer = setTimeout(refresh, seconds * 1000);
}

async function refresh() {
  if (!document.hidden) {
    try {
      // From the origin: an address with a password in it is one that fetch refuses.
      const address = location.origin + location.pathname + location.search;
      const answer = await fetch(address, { cache: "no-store", redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      bringIn(new DOMParser().parseFromString(await answer.text(), "text/html"));
      lastAnswer = new Date();
      tell("");
    } catch {
      tell(`Not reachable since ${lastAnswer.toLocaleTimeString("en-GB")}: what you see is from then.`);
    }
  }
  wait();
}

function bringIn(fresh) {
  document.title = fresh.title;
  main.dataset.seconds = fresh.getElementById("main").dataset.seconds || QUIET_SECONDS;
  const icon = document.querySelector("link[rel=icon]");
  const freshIcon = fresh.querySelector("link[rel=icon]");
  if (icon.getAttribute("href") !== freshIcon.getAttribute("href")) icon.replaceWith(freshIcon);
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(part.id);
    if (old && !isSelected(old) && old.outerHTML !== part.outerHTML) replace(old, part);
  }
}

function replace(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  for (const box of old.querySelectorAll("details[id]")) {
    const twin = part.querySelector(`#${CSS.escape(box.id)}`);
    if (twin) twin.open = box.open;
  }
  const scrolled = [...old.querySelectorAll("pre[id]")].map((box) => [box.id, box.scrollTop]);
  old.replaceWith(part);
  for (const [id, top] of scrolled) {
    const box = document.getElementById(id);
    if (box) box.scrollTop = top;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function isSelected(part) {
  const selection = getSelection();
  return !selection.isCollapsed && part.contains(selection.anchorNode);
}

function tell(problem) {
  updates.textContent = problem;
  document.documentElement.classList.toggle("stale", problem !== "");
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Go on with updates" : "Pause updates";
  wait();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused) refresh();
});
wait();
