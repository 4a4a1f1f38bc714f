// Keys for those who have many rows: `/`, `j`, `k`, `x`, Enter, `?`, and Ctrl+K. Everything works without them.
(() => {
  "use strict";
  const palette = document.getElementById("palette"), help = document.getElementById("keys");
  if (!palette || !help) return;
  const input = document.getElementById("palette-input"), list = document.getElementById("palette-list");
  const note = palette.querySelector(".palette-none");
  const pages = [...list.children];
  const composing = (event) => event.isComposing || event.keyCode === 229;

  // --- single keys, which can be turned off (WCAG 2.1.4)
  const NAME = "ondol-keys";
  const isOn = () => { try { return window.localStorage.getItem(NAME) !== "off"; } catch { return true; } };
  const box = document.getElementById("keys-on");
  box.checked = isOn();
  box.addEventListener("change", () => {
    try { window.localStorage.setItem(NAME, box.checked ? "on" : "off"); } catch { /* until the page is left */ }
  });

  // --- rows
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  const current = () => document.querySelector("[data-row].is-current");
  const linkOf = (row) => row.querySelector("th a, a");
  function move(step) {
    const all = rows();
    if (!all.length) return;
    const index = all.indexOf(current());
    const next = all[Math.min(Math.max(index < 0 ? (step > 0 ? 0 : all.length - 1) : index + step, 0), all.length - 1)];
    current()?.classList.remove("is-current");
    next.classList.add("is-current");
    linkOf(next)?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (row === current()) return;
    current()?.classList.remove("is-current");
    row?.classList.add("is-current");
  });

  const KEYS = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    j: () => move(1),
    k: () => move(-1),
    x: () => current()?.querySelector("[data-select]")?.click(),
    "?": () => open(help),
  };
  document.addEventListener("keydown", (event) => {
    if (composing(event) || event.defaultPrevented) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (palette.open) palette.close();
      else open(palette);
      return;
    }
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    // In Korean mode the same keys give letters of Hangul, so the position counts.
    const key = { KeyJ: "j", KeyK: "k", KeyX: "x" }[event.code] ?? event.key;
    if (!(key in KEYS) || !isOn()) return;
    event.preventDefault();
    KEYS[key]();
  });

  // --- dialogs: the browser gives the focus back when one closes
  function open(dialog) {
    if (document.querySelector("dialog[open]")) return;
    dialog.showModal();
    if (dialog !== palette) return;
    input.value = "";
    show([]);
    input.focus();
  }
  [palette, help].forEach((dialog) => dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  }));

  // --- what there is to go to
  let chosen = 0, asked = 0, timer = 0;
  const shown = () => [...list.children].filter((option) => !option.hidden);
  const matches = (text, words) => text.toLocaleLowerCase().normalize("NFC").includes(words);
  const words = () => input.value.trim().toLocaleLowerCase().normalize("NFC");

  function choose(index) {
    const options = shown();
    chosen = options.length ? (index + options.length) % options.length : 0;
    [...list.children].forEach((option) => option.setAttribute("aria-selected", "false"));
    const option = options[chosen];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }
  function show(people) {
    pages.forEach((page) => { page.hidden = !matches(page.textContent, words()); });
    list.replaceChildren(...pages, ...people.map((person) => {
      const option = document.createElement("li");
      option.setAttribute("role", "option");
      option.dataset.url = person.url;
      const about = document.createElement("span");
      about.className = "soft";
      about.textContent = [person.about, person.state].filter(Boolean).join(" · ");
      option.append(`${person.name} `, about);
      return option;
    }));
    [...list.children].forEach((option, index) => { option.id = `palette-${index}`; });
    list.hidden = shown().length === 0;
    note.textContent = list.hidden ? note.dataset.none : "";
    choose(0);
  }
  async function find() {
    const mine = ++asked, typed = input.value.trim();
    if (!palette.dataset.find || !typed) return show([]);
    try {
      const answer = await fetch(`${palette.dataset.find}?q=${encodeURIComponent(typed)}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const { people } = await answer.json();
      if (mine === asked) show(people);
    } catch {
      if (mine !== asked) return;
      show([]);
      note.textContent = note.dataset.trouble;
    }
  }
  input.addEventListener("input", () => {
    asked += 1;
    show([]);
    clearTimeout(timer);
    if (palette.dataset.find) timer = setTimeout(find, 150);
  });
  const go = (option) => { if (option) window.location.assign(option.dataset.url); };
  input.addEventListener("keydown", (event) => {
    if (composing(event)) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose(chosen + step);
    else if (event.key === "Enter") go(shown()[chosen]);
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));
})();
