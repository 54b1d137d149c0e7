// What no page needs and every page is nicer with: focus, words for screen readers, one press per button.
// Without it all forms and links work.
(() => {
  "use strict";

  const status = () => document.getElementById("status");

  function announce(words) {
    const region = status();
    if (region && words && region.textContent !== words) region.textContent = words;
  }

  function focusErrors(root) {
    const summary = root.querySelector(".error-summary");
    if (summary) summary.focus();
    return Boolean(summary);
  }

  // Times: say in the bar which one is chosen.
  function showChosen() {
    const chosen = document.querySelector("input[name=slot]:checked");
    const place = document.querySelector("[data-chosen]");
    if (place) place.textContent = chosen ? chosen.dataset.words : "";
  }

  // A hold is spoken of twice, and never counted down.
  const MINUTE = 60_000;
  let heldTimers = [];

  function watchHold() {
    heldTimers.forEach(clearTimeout);
    const held = document.querySelector("[data-held-until]");
    if (!held) return;
    // By the server's clock, as it was when the page came: the one of this machine may be wrong.
    held.ahead ??= new Date(held.dataset.now) - Date.now();
    const left = () => new Date(held.dataset.heldUntil) - Date.now() - held.ahead;
    const way = "longest" in held.dataset ? "Continue before then." : "The button “Keep it longer” extends it.";
    heldTimers = [[5, "5 more minutes"], [1, "one more minute"]]
      .filter(([minutes]) => left() > minutes * MINUTE)
      .map(([minutes, words]) => setTimeout(() => {
        // A machine that was asleep comes too late to say it.
        if (left() > 0.75 * minutes * MINUTE) announce(`Your time is held for ${words}. ${way}`);
      }, left() - minutes * MINUTE));
  }
  document.addEventListener("visibilitychange", watchHold);

  // Where other times take a while to come, say so; a list that comes at once speaks for itself.
  const SOON = 500;
  let lookingTimer;

  function isAboutTimes(event) {
    return event.detail.target?.id === "times";
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isAboutTimes(event)) return;
    clearTimeout(lookingTimer);
    event.detail.target.setAttribute("aria-busy", "true");
    lookingTimer = setTimeout(() => announce("Looking for times"), SOON);
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isAboutTimes(event)) return;
    clearTimeout(lookingTimer);
    event.detail.target.removeAttribute("aria-busy");
  });

  // A second press while the first is on its way would send the form twice.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || event.target.hasAttribute("hx-post") || event.target.hasAttribute("hx-get")) return;
    // After the browser has collected the fields: a disabled button would be left out of them.
    setTimeout(() => { if (!event.defaultPrevented) button.disabled = true; });
  });

  // The back button may bring the page back as it was left.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.querySelectorAll("button:disabled").forEach((button) => { button.disabled = false; });
    watchHold();
  });

  document.addEventListener("change", showChosen);

  document.addEventListener("htmx:afterSettle", (event) => {
    const root = event.detail.elt;
    if (!(root instanceof Element)) return;
    showChosen();
    watchHold();
    const anchor = event.detail.pathInfo?.anchor;
    const place = (anchor && document.getElementById(anchor)) || root.querySelector("[data-focus]");
    announce(place?.dataset.announce || root.dataset.announce);
    if (focusErrors(root) || document.activeElement !== document.body) return;
    // What had the focus is gone; go on where the link led, or at the new part's heading.
    place?.focus();
  });

  // If a part cannot be fetched, the browser goes the plain way, and shows what is the matter.
  function goPlain(event) {
    const from = event.detail.elt;
    if (from.tagName === "A") window.location.assign(from.href);
    else if (from.tagName === "FORM") HTMLFormElement.prototype.submit.call(from);
  }
  document.addEventListener("htmx:responseError", goPlain);
  document.addEventListener("htmx:sendError", goPlain);

  // htmx notes the page's address in the browser, and would leave it there; it manages without.
  const forgetAddress = () => sessionStorage.removeItem("htmx-current-path-for-history");
  document.addEventListener("htmx:pushedIntoHistory", forgetAddress);

  focusErrors(document);
  showChosen();
  watchHold();
  forgetAddress();
})();
