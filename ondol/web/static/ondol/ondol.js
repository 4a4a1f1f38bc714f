// What pages do beyond forms and links. Everything works without it; nothing here knows about machines.
(() => {
  "use strict";

  // Looks once when the tab becomes visible again: elements listen for it with hx-trigger.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") document.body.dispatchEvent(new Event("ondol:visible"));
  });

  // Enter that ends a Korean syllable does not send the form.
  document.addEventListener("keydown", (event) => {
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key === "Enter" && composing && event.target.matches("input")) event.preventDefault();
  });

  // A click disables its button at once; htmx does it for its own forms. Downloads leave the page as it is.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "get" || form.matches("[hx-post], [data-stays]") || event.submitter?.matches("[data-stays]")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    // After the event: a disabled button's own value would not be sent.
    setTimeout(() => form.querySelectorAll("button[type=submit]").forEach((button) => { button.disabled = true; }));
  });
  // A form that has waited for a sign-in goes on by itself.
  document.querySelector("form[data-go-on]")?.requestSubmit();

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-reveal]");
    if (!button) return;
    if (button.dataset.copy) copy(button);
    else reveal(button);
  });

  async function copy(button) {
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    await navigator.clipboard.writeText(text);
    const label = button.querySelector("span");
    const before = button.dataset.before ?? (button.dataset.before = label.textContent);
    label.textContent = button.dataset.done;
    say(button.dataset.done);
    setTimeout(() => { label.textContent = before; }, 2000);
  }

  function reveal(button) {
    const input = document.getElementById(button.dataset.reveal);
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    const before = button.dataset.before ?? (button.dataset.before = button.textContent);
    button.textContent = hidden ? button.dataset.hide : before;
  }

  function say(text) {
    const region = document.getElementById("announcement");
    region.textContent = "";
    setTimeout(() => { region.textContent = text; });
  }

  // The links of [data-tabs] are what the server has shown: one section, and a page for each other. Here they become
  // tabs, which look the same and need no page.
  function tabs(container) {
    const list = container.querySelector(".tabs");
    const links = [...list.querySelectorAll("a")];
    const sections = links.map((link) => document.getElementById(link.dataset.tab));
    list.setAttribute("role", "tablist");
    const choose = (index) => links.forEach((link, other) => {
      sections[other].hidden = other !== index;
      link.setAttribute("aria-selected", String(other === index));
      link.tabIndex = other === index ? 0 : -1;
    });
    const pick = (index) => {
      choose(index);
      links[index].focus();
      remember(container.dataset.tabs, links[index].dataset.name);
    };
    links.forEach((link, index) => {
      link.setAttribute("role", "tab");
      link.setAttribute("aria-controls", sections[index].id);
      link.removeAttribute("aria-current");
      sections[index].setAttribute("role", "tabpanel");
      sections[index].setAttribute("aria-labelledby", link.id);
      link.addEventListener("click", (event) => {
        event.preventDefault();
        pick(index);
      });
      link.addEventListener("keydown", (event) => {
        const last = links.length - 1;
        const next = { ArrowRight: index === last ? 0 : index + 1, ArrowLeft: index || last + 1, Home: 0, End: last, " ": index }[event.key];
        if (next === undefined) return;
        event.preventDefault();
        pick(event.key === "ArrowLeft" ? (index === 0 ? last : index - 1) : next);
      });
    });
    container.classList.add("tabbed");
    choose(Math.max(0, sections.findIndex((section) => !section.hidden)));
  }

  // In a narrow window, navigation and tabs are rows that move sideways: to what is open, and to what the keyboard is
  // on; what is clicked stays where it is. They fade where there is more.
  function slide(row) {
    const bring = (link) => { if (link) row.scrollLeft += link.getBoundingClientRect().left - row.getBoundingClientRect().left - row.clientWidth / 3; };
    const tellMore = () => {
      const end = row.scrollWidth - row.clientWidth - 1;
      row.dataset.more = `${row.scrollLeft > 1 ? "before" : ""} ${row.scrollLeft < end ? "after" : ""}`;
    };
    row.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) bring(event.target); });
    row.addEventListener("scroll", tellMore, { passive: true });
    new ResizeObserver(tellMore).observe(row);
    bring(row.querySelector('[aria-current], [aria-selected="true"]'));
    tellMore();
  }

  // In a cookie, so that the server shows it first next time.
  function remember(name, value) {
    const secure = window.location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
  }

  // A start that a program waits for: its link is opened once the page has it, and nothing is left to do before. Kept
  // for this tab; private windows may refuse that, and then the link waits for a click.
  const WAITING = "ondol-then-open";
  document.addEventListener("submit", (event) => {
    const { thenOpen } = event.target.dataset;
    if (!thenOpen) return;
    try { window.sessionStorage.setItem(WAITING, thenOpen); } catch { /* not kept */ }
  });
  function openWaiting(link) {
    try {
      if (window.sessionStorage.getItem(WAITING) !== link.dataset.opens) return;
      window.sessionStorage.removeItem(WAITING);
    } catch { return; }
    window.location.assign(link.href);
  }

  // After midnight, “today 14:05” is not true any more: such a time becomes what its title says.
  function endDay() {
    document.querySelectorAll("time[data-until]").forEach((element) => {
      if (Date.now() < Number(element.dataset.until) * 1000) return;
      element.textContent = element.title;
      delete element.dataset.until;
    });
  }
  setInterval(endDay, 30000);
  document.addEventListener("visibilitychange", endDay);

  function stopwatch(element) {
    const began = performance.now();
    const start = Number(element.dataset.elapsed);
    const timer = setInterval(() => {
      if (!element.isConnected) return clearInterval(timer);
      const total = Math.floor(start + ((performance.now() - began) / 1000) * Number(element.dataset.speed));
      const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
      const two = (number) => String(number).padStart(2, "0");
      element.textContent = hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
    }, 1000);
  }

  function chooseAll(label) {
    const all = label.querySelector("input");
    const boxes = [...document.querySelectorAll(`input[name="${label.dataset.all}"][type=checkbox]`)];
    label.hidden = false;
    all.addEventListener("change", () => boxes.forEach((box) => { box.checked = all.checked; }));
  }

  // A menu closes by Escape, and by a click elsewhere.
  document.addEventListener("click", (event) => closeMenus(event.target.closest(".menu")));
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector(".menu[open]");
    if (!open) return;
    if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    closeMenus();
  });
  function closeMenus(except) {
    document.querySelectorAll(".menu[open]").forEach((menu) => { if (menu !== except) menu.open = false; });
  }

  // Notifications of the browser: asked for by a button, never unasked; only for what is new since the page was loaded.
  function offerNews(button) {
    if (!window.Notification || (Notification.permission === "granted" && remembered("ondol-news"))) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const granted = (await Notification.requestPermission()) === "granted";
      if (granted) remember("ondol-news", "yes");
      button.textContent = granted ? button.dataset.notify : button.dataset.denied;
      button.disabled = granted;
      say(button.textContent);
    });
  }
  const newsOf = () => new Map([...document.querySelectorAll("[data-news]")]
    .map((element) => [element.dataset.news, element.dataset.newsText]));
  let knownNews = newsOf();
  function tellNews() {
    const news = newsOf();
    const isAway = document.hidden || !document.hasFocus();
    if (window.Notification?.permission === "granted" && remembered("ondol-news") && isAway) {
      news.forEach((text, name) => {
        if (knownNews.has(name)) return;
        const shown = new Notification(text, { tag: `ondol-${name}`, icon: document.getElementById("icon")?.href });
        shown.addEventListener("click", () => { window.focus(); shown.close(); });
      });
    }
    knownNews = news;
  }

  const AIMED = 30000;
  let movedAt = -Infinity;
  document.addEventListener("pointermove", () => { movedAt = performance.now(); }, { passive: true });

  // In a hidden tab, polls go on at a gentle pace.
  let polledAt = -Infinity;
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { verb, triggeringEvent } = event.detail.requestConfig;
    if (verb !== "get" || triggeringEvent) return;
    // What somebody is about to click does not move away; where a mouse was left lying, the page goes on.
    const isAimed = performance.now() - movedAt < AIMED && event.detail.elt.querySelector(".queue button:hover");
    if (isAimed || (document.hidden && performance.now() - polledAt < 10000)) event.preventDefault();
    else polledAt = performance.now();
  });

  function enhance(root) {
    const each = (selector, act) => {
      if (root.matches?.(selector)) act(root);
      root.querySelectorAll(selector).forEach(act);
    };
    each("[data-tabs]:not(.tabbed)", tabs);
    each(".slides:not([data-more])", slide);
    each("a[data-opens]", openWaiting);
    each("[data-reveal]", (button) => { button.hidden = false; });
    each("[data-elapsed]", stopwatch);
    each("[data-all]", chooseAll);
    each("[data-notify]", offerNews);
    each(".needs-script", (element) => { element.hidden = !window.PublicKeyCredential; });
    // Copying needs https or localhost; elsewhere the text is there to select.
    if (navigator.clipboard) each("[data-copy]", (button) => { button.hidden = false; });
  }

  // htmx replaces the machine; the keyboard stays where it was, or goes to the heading if that button has gone.
  let heldFocus = null;
  const holder = (event) => (event.detail.target.contains(document.activeElement) ? document.activeElement : null);
  // Before the request too: a button that is disabled by its click loses the focus at once.
  document.addEventListener("htmx:beforeRequest", (event) => { heldFocus = holder(event); });
  // What a click before has said is over with the next one; a page that stays open is not loaded again.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.requestConfig.verb !== "get") document.querySelectorAll("#messages .note-done").forEach((note) => note.remove());
  });
  document.addEventListener("htmx:beforeSwap", (event) => { heldFocus ||= holder(event); });
  // At once: what is folded later would move what is below.
  document.addEventListener("htmx:afterSwap", () => document.querySelectorAll("[data-tabs]:not(.tabbed)").forEach(tabs));
  document.addEventListener("htmx:afterSettle", (event) => {
    if (heldFocus && document.activeElement === document.body) {
      const { id, dataset } = heldFocus;
      const same = (id && document.getElementById(id)) || (dataset.then && document.getElementById(dataset.then));
      (same || document.querySelector("h1[tabindex]"))?.focus();
    }
    heldFocus = null;
    if (event.target.nodeType === Node.ELEMENT_NODE) enhance(event.target);
    tellNews();
  });
  const note = document.getElementById("offline");
  const unreachable = note?.textContent;
  const notice = (text) => { note.textContent = text; note.hidden = !text; };
  // A request that has failed is told on top of the window, and in the part of the page that was to come.
  const failed = (event, text) => {
    notice(text);
    showFailed(event.detail.elt, true);
  };
  function showFailed(part, isFailed) {
    if (!part.querySelector("[data-failed]")) return;
    part.querySelector("[data-failed]").hidden = !isFailed;
    part.querySelector("[data-loading]").hidden = isFailed;
  }
  ["htmx:sendError", "htmx:timeout"].forEach((name) => document.addEventListener(name, (event) => failed(event, unreachable)));
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 500) failed(event, unreachable);
    else failed(event, xhr.status === 429 && xhr.responseText ? xhr.responseText : note.dataset.refused);
  });
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.successful) notice("");
  });
  document.addEventListener("click", (event) => {
    const part = event.target.closest("[data-retry]")?.closest("[hx-get]");
    if (!part) return;
    showFailed(part, false);
    part.dispatchEvent(new Event("ondol:retry"));
  });

  // A passkey that was cancelled or refused: the browser has told the person already.
  document.addEventListener("allauth.error", (event) => event.preventDefault());

  enhance(document);
  // After a refusal the keyboard is where it is to be mended.
  document.querySelector('main form [aria-invalid="true"], main form .note-failed')?.focus();
})();
