// What is larger than the server takes is said before it is sent. Without it, the server says so.
(() => {
  "use strict";
  document.querySelectorAll("[data-largest]").forEach((field) => {
    const size = () => (field.files ? field.files[0]?.size ?? 0 : new Blob([field.value]).size);
    const check = () => {
      const isTooLarge = size() > Number(field.dataset.largest);
      field.setCustomValidity(isTooLarge ? field.dataset.tooLarge : "");
      if (isTooLarge) field.reportValidity();
    };
    field.addEventListener("change", check);
    if (size()) check();
  });
})();
