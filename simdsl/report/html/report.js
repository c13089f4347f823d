"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const failures = all(".run.fail");
  let failure = -1;

  const reveal = (element) => {
    for (let at = element; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    element.scrollIntoView({ block: "center" });
  };

  const targetOf = (run) => run.querySelector(".hit") || run.querySelector(".evidence");

  const go = (by) => {
    if (!failures.length) return;
    failure = (failure + by + failures.length) % failures.length;
    const target = targetOf(failures[failure]);
    reveal(target);
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  };

  const visit = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target) reveal(target);
  };

  const pane = () => {
    const here = document.activeElement && document.activeElement.closest(".run");
    return here || failures[Math.max(failure, 0)] || document.querySelector(".run[open]") || document.querySelector(".run");
  };

  const step = (by) => {
    const run = pane();
    if (!run) return;
    const steps = all(".step, .check, .park", run).filter((one) => one.checkVisibility());
    if (!steps.length) return;
    const at = steps.indexOf(document.activeElement);
    const from = at >= 0 ? at + by : by > 0 ? 0 : steps.length - 1;
    const next = steps[Math.min(Math.max(from, 0), steps.length - 1)];
    next.tabIndex = -1;
    reveal(next);
    next.focus({ preventScroll: true });
  };

  const toggle = (button) => {
    const run = button.closest(".run");
    const lanes = run.querySelector(".pane");
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    lanes.classList.toggle("off" + button.dataset.task, !shown);
    const pressed = all("button.task", run).map((one) => one.getAttribute("aria-pressed") === "true");
    lanes.classList.toggle("filtered", pressed.includes(false));
    const width = (_, lane) => (pressed[lane % pressed.length] ? "minmax(var(--lane), 1fr)" : "3rem");
    lanes.style.setProperty("--columns", Array.from({ length: Number(lanes.dataset.lanes) }, width).join(" "));
  };

  const copy = (button) => {
    const text = button.previousElementSibling.textContent;
    const said = (word) => { button.textContent = word; };
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text).then(() => said("copied"), () => said("not allowed"));
    } else {
      getSelection().selectAllChildren(button.previousElementSibling);
      said("selected");
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && button.classList.contains("task")) toggle(button);
    if (button && button.classList.contains("copy")) copy(button);
    const link = event.target.closest("a[href^='#']");
    if (link && link.id === "first") {
      event.preventDefault();
      failure = -1;
      go(1);
    } else if (link && link.hash === location.hash) {
      visit();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key;
    if (key === "f") go(1);
    else if (key === "F") go(-1);
    else if (key === "j") step(1);
    else if (key === "k") step(-1);
    else if (key === "t") scrollTo(0, 0);
    else if (key >= "1" && key <= "9") {
      const run = pane();
      const button = run && all("button.task", run)[Number(key) - 1];
      if (button) toggle(button);
    } else return;
    event.preventDefault();
  });

  addEventListener("hashchange", visit);
  addEventListener("beforeprint", () => failures.forEach((run) => { run.open = true; }));
  visit();
})();
