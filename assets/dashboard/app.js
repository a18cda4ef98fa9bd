// Live pages. Everything works without this file: it only saves the reader from reloading.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`zone=${encodeURIComponent(zone)}`)) {
    document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  }

  // Inside Telegram: who opened it stands in the fragment, which no server sees. Its colours hold for this window.
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (fragment.has("tgWebAppThemeParams")) sessionStorage.setItem("colours", fragment.get("tgWebAppThemeParams"));
  try {
    const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const light = (colour) => {
      const [red, green, blue] = parts(colour).map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one, other) => {
      const [less, more] = [light(one), light(other)].sort((a, b) => a - b);
      return (more + 0.05) / (less + 0.05);
    };
    const names = { bg_color: "--surface", secondary_bg_color: "--bg", text_color: "--ink", link_color: "--link", button_color: "--act" };
    const given = Object.entries(JSON.parse(sessionStorage.getItem("colours") ?? "{}"));
    const theirs = Object.fromEntries(given.filter(([, colour]) => /^#[0-9a-f]{6}$/i.test(colour)));
    const { bg_color: paper, secondary_bg_color: around, button_color: button } = theirs;
    // Their text has to be read on their paper; what cannot be stays as it is here. Ours cannot be read on two papers that are too
    // different: then these stay, too.
    const isRead = (name) => [paper, around].every((on) => !on || contrast(theirs[name], on) >= 4.5);
    const fits = theirs.text_color && isRead("text_color") || !paper || !around || contrast(paper, around) < 2;
    for (const [name, colour] of Object.entries(theirs)) {
      if (!names[name] || !fits && name.includes("bg_") || /^(text|link)_/.test(name) && !(fits && isRead(name))) continue;
      document.documentElement.style.setProperty(names[name], colour);
    }
    if (button) {
      const ink = contrast(button, "#000000") > contrast(button, "#ffffff") ? "#000000" : "#ffffff";
      document.documentElement.style.setProperty("--act-ink", ink);
      document.documentElement.style.setProperty("--act-over", button);
    }
    if (paper) {
      const [red, green, blue] = parts(paper);
      document.documentElement.dataset.theme = red * 2 + green * 5 + blue < 1024 ? "dark" : "light";
    }
  } catch { /* no colours */ }
  const miniApp = document.getElementById("mini-app");
  if (miniApp && fragment.has("tgWebAppData")) {
    miniApp.elements.data.value = fragment.get("tgWebAppData");
    history.replaceState(null, "", location.pathname);
    miniApp.submit();
  }

  // An answer that does not come is none.
  const get = (url) => fetch(url, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(15000) });

  // The output of a step: at its end it is followed, and only new lines are fetched.
  const KEPT = 12;
  const log = () => document.getElementById("log");
  const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 48;
  const parsed = async (url) => {
    const answer = await get(url);
    if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  const told = () => {
    const box = log(), follow = document.getElementById("follow");
    if (!box || !follow) return;
    follow.hidden = !box.dataset.lines;
    follow.textContent = isAtEnd(box) ? follow.dataset.on : follow.dataset.off;
  };
  const toTheEnd = () => {
    const box = log();
    if (box?.hasAttribute("data-end") && !location.hash.startsWith("#L")) box.scrollTop = box.scrollHeight;
    told();
  };
  const append = (box, next) => {
    if (next.hasAttribute("data-fresh")) box.replaceChildren();
    for (const part of [...next.children]) {
      const last = box.lastElementChild;
      if (!last || !part.dataset.block || last.dataset.block !== part.dataset.block) {
        if (last && last.querySelectorAll(".ln a").length === 1000) last.classList.add("full");
        box.append(part);
        continue;
      }
      [...last.children].forEach((column, at) => {
        column.querySelectorAll("[data-open]").forEach((one) => one.remove());
        column.append(...part.children[at].childNodes);
        column.normalize();
      });
    }
    while (box.querySelectorAll(".chunk").length > KEPT) box.firstElementChild.remove();
    const first = box.querySelector(".ln a"), older = document.querySelector("[data-earlier]");
    if (first && older && first.textContent !== "1") {
      older.hidden = false;
      document.querySelector("[data-first]").hidden = false;
      older.href = first.href.replace(/from=\d+/, `from=${Math.max(1, Number(first.textContent) - 2000)}`);
    }
    box.dataset.next = next.dataset.next || box.dataset.next;
  };
  let fetching = false, printedAgain = false;
  const printed = async () => {
    const box = log(), empty = document.querySelector("[data-empty][data-lines]");
    if (!box?.dataset.lines && !empty) return;
    if (fetching || document.hidden) { printedAgain = true; return; }
    fetching = true;
    try {
      const follows = !box || isAtEnd(box);
      const page = await parsed(box ? `${box.dataset.lines}&from=${box.dataset.next}` : empty.dataset.lines);
      const next = page.getElementById("log");
      if (box && next && box.isConnected) append(box, next);
      else if (empty && next && empty.isConnected) empty.replaceWith(...page.body.childNodes);
      if (follows && log()) log().scrollTop = log().scrollHeight;
      told();
    } catch {
      // The next change asks again.
    } finally {
      fetching = false;
      if (printedAgain && !document.hidden) { printedAgain = false; printed(); }
    }
  };
  document.addEventListener("scroll", (event) => { if (event.target.id === "log") told(); }, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && printedAgain && !fetching) { printedAgain = false; printed(); }
  });
  // A step that is unfolded brings its lines.
  document.addEventListener("toggle", async (event) => {
    const link = event.target.open && event.target.querySelector("[data-load]");
    if (!link) return;
    const url = link.dataset.load;
    link.removeAttribute("data-load");
    try {
      const page = await parsed(url);
      page.querySelectorAll("[id]").forEach((one) => one.removeAttribute("id"));
      page.querySelectorAll("[data-lines]").forEach((one) => one.removeAttribute("data-lines"));
      link.parentElement.after(...page.body.childNodes);
      const box = event.target.querySelector(".log");
      if (box) box.scrollTop = box.scrollHeight;
    } catch {
      link.dataset.load = url;
    }
  }, true);
  toTheEnd();

  // Commands to copy.
  const offerCopies = (root) => root.querySelectorAll(".cmd").forEach((command) => {
    if (!navigator.clipboard || command.querySelector(".copy")) return;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "copy" });
    const told = (icon, word) => {
      button.replaceChildren(document.querySelector(`#i-${icon}`).closest("svg").cloneNode());
      const picture = button.firstChild, shape = document.createElementNS(picture.namespaceURI, "use");
      picture.setAttribute("class", "i");
      shape.setAttribute("href", `#i-${icon}`);
      picture.append(shape);
      button.title = word;
      button.setAttribute("aria-label", word);
    };
    told("copy", document.body.dataset.copy);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command.textContent.trim());
      told("ok", document.body.dataset.copied);
    });
    command.append(button);
  });
  offerCopies(document);

  // Escape closes what was opened last, or what it is pressed in; where it was opened, the focus is again.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const open = [...document.querySelectorAll("details.pop[open], details.how[open]")];
    const one = open.find((each) => each.contains(document.activeElement)) ?? open.at(-1);
    if (!one) return;
    event.preventDefault();
    one.open = false;
    one.querySelector("summary").focus();
  });

  // Keys: not while the viewer writes, and not where they are switched off.
  const keys = document.getElementById("keys");
  if (keys) {
    const isOff = () => localStorage.getItem("keys") === "off";
    const box = keys.querySelector("input");
    box.checked = !isOff();
    box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
    const open = document.querySelector("[data-keys]");
    open.hidden = false;
    open.addEventListener("click", () => keys.showModal());
    const LINES = "main .needs .btn, main .card h4 a, main tbody th a, main .rows > li a, main .rows > li summary, main .run > summary";
    const step = (by) => {
      const lines = [...document.querySelectorAll(LINES)].filter((line) => line.offsetParent);
      const at = lines.indexOf(document.activeElement);
      lines[at < 0 ? (by > 0 ? 0 : lines.length - 1) : at + by]?.focus();
    };
    const acts = {
      "/": () => document.getElementById("q").focus(), "?": () => keys.showModal(), j: () => step(1), k: () => step(-1),
    };
    // On a Cyrillic keyboard the same keys count as on a Latin one: each by its place.
    const latin = ({ key, code, shiftKey }) => {
      if (code === "Slash" && (key === "." || key === ",")) return shiftKey ? "?" : "/";
      return /^[\u0400-\u04ff]$/.test(key) && code.startsWith("Key") ? code.slice(3).toLowerCase() : key;
    };
    let goes = 0;
    document.addEventListener("keydown", (event) => {
      const writes = event.target.closest("input, textarea, select, dialog");
      if (isOff() || writes || event.ctrlKey || event.altKey || event.metaKey) return;
      const key = latin(event);
      const link = Date.now() - goes < 2000 && keys.querySelector(`[data-key="${CSS.escape(key)}"]`);
      goes = key === "g" ? Date.now() : 0;
      if (!link && !acts[key]) return;
      event.preventDefault();
      if (link) location.href = link.href; else acts[key]();
    });
  }

  const address = document.body.dataset.live;
  if (!address) return;
  const status = document.getElementById("live");
  const say = (key) => {
    status.hidden = false;
    if (status.dataset.says === key) return;
    status.dataset.says = key;
    status.textContent = document.body.dataset[key];
  };

  // What the viewer is writing into, or has opened, stays as it is.
  const isInUse = (part) => part.contains(document.activeElement) && part.querySelector("form") !== null
    || part.querySelector("details.act[open]") !== null;

  // But for what this file has added, and what the reader has opened.
  const isSame = (now, next) => {
    const [bare, other] = [now, next].map((part) => part.cloneNode(true));
    bare.querySelectorAll(".copy").forEach((button) => button.remove());
    for (const part of [bare, other]) part.querySelectorAll("details").forEach((one) => { one.open = false; });
    return bare.isEqualNode(other);
  };
  const replace = (now, next) => {
    if (isSame(now, next)) return;
    next.querySelectorAll("details[id]").forEach((one) => {
      const same = document.getElementById(one.id);
      if (same) one.open = same.open;
    });
    swap(now, next);
    offerCopies(next);
  };

  // Where the reader was, the focus is again.
  const TARGETS = "a, button, summary, input, select, textarea";
  const swap = (now, next) => {
    const focused = now.contains(document.activeElement) ? document.activeElement : null;
    const at = focused ? [...now.querySelectorAll(TARGETS)].indexOf(focused) : -1;
    now.replaceWith(document.adoptNode(next));
    if (!focused) return;
    const all = [...next.querySelectorAll(TARGETS)], href = focused.getAttribute("href");
    const same = focused.id ? document.getElementById(focused.id) : href && all.find((one) => one.getAttribute("href") === href);
    (same || all[Math.min(at, all.length - 1)])?.focus({ preventScroll: true });
  };

  const free = () => [...document.querySelectorAll("main [data-part]")].every((part) => !isInUse(part));

  // Whose session has ended reads no more, and is told where the way in is.
  let stream = null, isOut = false;
  const signedOut = () => {
    isOut = true;
    stream?.close();
    stream = null;
    status.hidden = true;
    const told = document.getElementById("signed-out");
    told.querySelector("a").href = `/login?to=${encodeURIComponent(location.pathname + location.search)}`;
    told.hidden = false;
  };

  let asking = false, again = false;
  const refresh = async () => {
    if (isOut) return;
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await get(location.href);
      if (answer.redirected && new URL(answer.url).pathname === "/login") return signedOut();
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const parts = document.querySelectorAll("main [data-part]");
      const missing = [...page.querySelectorAll("main [data-part]")].some((one) => !document.getElementById(one.id));
      let held = missing && !free();
      if (missing && !held) {
        swap(document.querySelector("main"), page.querySelector("main"));
      } else {
        for (const part of parts) {
          const next = page.getElementById(part.id);
          if (isInUse(part)) { held ||= !next || !isSame(part, next); continue; }
          if (next) replace(part, next); else part.remove();
        }
        // Another step is at work: its output takes the place, unless the reader has chosen what to see.
        const now = document.getElementById("steps"), next = page.getElementById("steps");
        if (now?.dataset.opened !== next?.dataset.opened && !location.search && (!log() || isAtEnd(log()))) {
          now.replaceWith(document.adoptNode(next));
          toTheEnd();
        }
      }
      document.title = page.title;
      document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").getAttribute("href");
      say(held ? "held" : "current");
    } catch {
      say("stale");
    } finally {
      asking = false;
      if (again) { again = false; refresh(); }
    }
  };

  // Browsers keep six connections to a host for all of their tabs: of those that are not seen, two may keep theirs.
  let letGo = null;
  const kept = (name) => new Promise((answer) => {
    const hold = (lock) => { answer(lock !== null); return lock && new Promise((end) => { letGo = end; }); };
    if (navigator.locks) navigator.locks.request(name, { ifAvailable: true }, hold).catch(() => answer(false));
    else answer(false);
  });
  const seen = () => { letGo?.(); letGo = null; };
  let heard = 0, pause = 1000;
  const alive = () => { heard = Date.now(); };
  const listen = () => {
    if (stream || isOut || document.hidden && !letGo) return;
    const own = stream = new EventSource(address);
    alive();
    for (const kind of ["open", "changed", "printed", "alive"]) own.addEventListener(kind, alive);
    own.addEventListener("open", () => { pause = 1000; if (status.dataset.says !== "held") say("current"); });
    own.addEventListener("changed", () => { refresh(); printed(); });
    own.addEventListener("printed", printed);
    own.addEventListener("out", signedOut);
    own.addEventListener("error", () => {
      if (own !== stream) return;
      say("stale");
      // A stream is asked for again once the page is known to be had.
      own.close();
      stream = null;
      setTimeout(async () => { await refresh(); listen(); }, pause);
      pause = Math.min(pause * 2, 16000);
    });
  };
  document.addEventListener("visibilitychange", async () => {
    if (!document.hidden) { seen(); refresh(); listen(); return; }
    const keeps = await kept("unseen-1") || await kept("unseen-2");
    if (!document.hidden) { seen(); return; }
    if (keeps) return;
    stream?.close();
    stream = null;
  });
  listen();
  // What was held back comes when nothing is open any more.
  const released = () => { if (status.dataset.says === "held" && free()) refresh(); };
  document.addEventListener("toggle", released, true);
  document.addEventListener("focusout", () => setTimeout(released));
  // RMM says every 15 s that it is there. A connection that has died without a word says nothing.
  const SILENCE = 35000;
  // Times grow old although nothing happens: quickly where something is at work, and in the title of a tab that is not seen.
  let ticks = 0;
  setInterval(() => {
    if (stream && Date.now() - heard > SILENCE) {
      say("stale");
      stream.close();
      stream = null;
      listen();
    }
    ticks += 1;
    const isAtWork = document.querySelector("main .s-run") !== null;
    const every = document.hidden ? (stream ? 6 : 2) : (isAtWork ? 1 : 6);
    if (ticks % every === 0) refresh();
  }, 10000);
})();
