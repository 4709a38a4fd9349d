// Draws the charts, and fetches the page's main part anew when something about it has changed.
"use strict";
(() => {
  const QUIET_MS = 300; // after a change: more of them come together
  // Between two fetches, however much changes.
  const LEAST_MS = 1000 * Number(document.getElementById("main").dataset.every);
  const root = document.documentElement;
  root.classList.add("js");

  // ---- charts: figures are JSON in the page; "--name" stands for a colour of the style sheet
  const probe = document.createElement("span");

  function colour(name) {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  }

  function coloured(value) {
    if (typeof value === "string") return /^--[a-z0-9-]+$/.test(value) ? colour(value) : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, coloured(each)]));
  }

  function draw() {
    if (!window.Plotly) return;
    probe.hidden = true;
    document.body.append(probe);
    for (const place of document.querySelectorAll("[data-figure]")) {
      const text = document.getElementById(place.dataset.figure).textContent;
      const { data, layout } = coloured(JSON.parse(text));
      layout.font.family = getComputedStyle(document.body).fontFamily;
      Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
    }
    probe.remove();
  }

  // ---- live: the server tells what has changed; the page is asked for again, not patched
  const status = document.getElementById("live");
  let main = document.getElementById("main");
  let timer = 0;
  let fetching = false;
  let again = false;
  let last = 0;

  function tell(what, off) {
    const text = status.dataset[what];
    status.classList.toggle("off", Boolean(off));
    if (status.textContent !== text) status.textContent = text;
  }

  function busy() {
    // Nobody is disturbed who is writing something.
    const at = document.activeElement;
    return main.contains(at) && at.matches("input, textarea, select");
  }

  function soon() {
    if (timer) return;
    const wait = Math.max(QUIET_MS, LEAST_MS - (Date.now() - last));
    timer = setTimeout(() => { timer = 0; refresh(); }, wait);
  }

  async function refresh() {
    if (document.hidden || busy()) { again = true; return; }
    if (fetching) { again = true; return; }
    fetching = true;
    again = false;
    main.setAttribute("aria-busy", "true");
    tell("busy");
    try {
      const answer = await fetch(location.href, {
        headers: { "Console-Part": "main" }, credentials: "same-origin", cache: "no-store",
      });
      if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
      put(await answer.text());
      tell("done");
    } catch {
      tell("failed", true);
    } finally {
      last = Date.now();
      fetching = false;
      main.removeAttribute("aria-busy");
      if (again) soon();
    }
  }

  function put(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("main");
    if (fresh === null) throw new Error("no main part");
    const open = new Set([...main.querySelectorAll("details[id][open]")].map((each) => each.id));
    const shut = new Set([...main.querySelectorAll("details[id]:not([open])")].map((e) => e.id));
    const aside = new Map([...main.querySelectorAll(".scroll[aria-labelledby]")].map(
      (each) => [each.getAttribute("aria-labelledby"), each.scrollLeft]));
    const focus = address(document.activeElement);
    for (const each of main.querySelectorAll(".js-plotly-plot")) window.Plotly?.purge(each);
    main.replaceWith(fresh);
    main = fresh;
    for (const each of main.querySelectorAll("details[id]")) {
      each.open = open.has(each.id) || (each.open && !shut.has(each.id));
    }
    for (const [label, left] of aside) {
      const each = main.querySelector(`.scroll[aria-labelledby="${CSS.escape(label)}"]`);
      if (each) each.scrollLeft = left;
    }
    draw();
    if (focus !== null) main.querySelector(focus)?.focus({ preventScroll: true });
  }

  // Where the focus is, so that it can be put back; null outside of the main part.
  function address(element) {
    if (!main.contains(element) || element === main) return null;
    if (element.id) return `#${CSS.escape(element.id)}`;
    const label = element.getAttribute("aria-labelledby");
    if (label) return `[aria-labelledby="${CSS.escape(label)}"].scroll`;
    const href = element.getAttribute("href");
    if (href) return `a[href="${CSS.escape(href)}"]`;
    const details = element.closest("details[id]");
    return details ? `#${CSS.escape(details.id)} > summary` : null;
  }

  function listen() {
    const kinds = (main.dataset.live || "").split(" ").filter(Boolean);
    if (!kinds.length || !window.EventSource) return;
    const wanted = new URLSearchParams({ kinds: kinds.join(",") });
    if (main.dataset.about) wanted.set("customer", main.dataset.about);
    const source = new EventSource(`${status.dataset.stream}?${wanted}`);
    let missed = false;
    source.addEventListener("open", () => {
      tell("on");
      if (missed) soon();
      missed = false;
    });
    source.addEventListener("error", () => {
      missed = true;
      if (source.readyState === EventSource.CLOSED) status.textContent = "";
      else tell("off", true);
    });
    for (const kind of kinds) {
      source.addEventListener(kind, soon);
    }
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) soon(); });
  document.addEventListener("focusout", () => { if (again) soon(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  matchMedia("print").addEventListener("change", draw);
  draw();
  listen();
})();
