// Rows that are selected: how many, all of a page. Without it, each box is there, and the server counts.
(() => {
  "use strict";
  document.querySelectorAll("form[data-bulk]").forEach((form) => {
    const boxes = [...form.elements].filter((element) => element.matches("[data-select]"));
    const alls = [...document.querySelectorAll(`[data-select-all="${form.id}"]`)];
    let last = null;

    // A person who waits has a box in the queue and one in the table: they are one.
    const same = (box) => boxes.filter((other) => other.value === box.value);
    const within = (all) => boxes.filter((box) => all.closest("table, section").contains(box));
    const count = () => {
      const chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value)).size;
      form.querySelectorAll("[data-selected]").forEach((output) => { output.textContent = String(chosen); });
      form.querySelectorAll("[data-needs-selected]").forEach((part) => {
        if (part.matches("details")) part.inert = chosen === 0 && !part.open;
        else part.disabled = chosen === 0;
      });
      alls.forEach((all) => {
        const here = within(all), checked = here.filter((box) => box.checked).length;
        all.checked = here.length > 0 && checked === here.length;
        all.indeterminate = checked > 0 && checked < here.length;
      });
    };
    const set = (box, checked) => same(box).forEach((one) => { one.checked = checked; });

    alls.forEach((all) => {
      (all.closest("label") ?? all).hidden = all.hidden = false;
      all.addEventListener("change", () => {
        within(all).forEach((box) => set(box, all.checked));
        count();
      });
    });
    boxes.forEach((box) => {
      // With Shift, all between the last one and this one.
      box.addEventListener("click", (event) => {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((one, other) => one - other);
        if (event.shiftKey && from >= 0) boxes.slice(from, to + 1).forEach((one) => set(one, box.checked));
        last = box;
      });
      box.addEventListener("change", () => {
        set(box, box.checked);
        count();
      });
    });
    count();
  });
})();
