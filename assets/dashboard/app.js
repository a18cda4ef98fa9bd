// Live pages. Everything works without this file: it only saves the reader from reloading.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes("zone=")) {
    document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }

  // Inside Telegram: who opened it stands in the fragment, which no server sees. Its colours hold for this window.
  const told = new URLSearchParams(location.hash.slice(1));
  if (told.has("tgWebAppThemeParams")) sessionStorage.setItem("colours", told.get("tgWebAppThemeParams"));
  try {
    const names = { bg_color: "--surface", secondary_bg_color: "--bg", text_color: "--ink", link_color: "--link", button_color: "--act", button_text_color: "--act-ink" };
    for (const [theirs, colour] of Object.entries(JSON.parse(sessionStorage.getItem("colours") ?? "{}"))) {
      if (names[theirs] && /^#[0-9a-f]{6}$/i.test(colour)) document.documentElement.style.setProperty(names[theirs], colour);
      if (theirs === "bg_color" && /^#[0-9a-f]{6}$/i.test(colour)) {
        const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
        document.documentElement.dataset.theme = red * 2 + green * 5 + blue < 1024 ? "dark" : "light";
      }
    }
  } catch { /* no colours */ }
  const miniApp = document.getElementById("mini-app");
  if (miniApp && told.has("tgWebAppData")) {
    miniApp.elements.data.value = told.get("tgWebAppData");
    history.replaceState(null, "", location.pathname);
    miniApp.submit();
  }

  const address = document.body.dataset.live;
  if (!address) return;
  const status = document.getElementById("live");
  const say = (key) => { status.hidden = false; status.textContent = document.body.dataset[key]; };

  // What somebody is writing into, or has opened, stays as it is.
  const isInUse = (part) => part.contains(document.activeElement) && part.querySelector("form") !== null
    || part.querySelector("details.act[open]") !== null;

  const replace = (now, next) => {
    if (now.isEqualNode(next)) return;
    next.querySelectorAll("details[id]").forEach((one) => {
      const same = document.getElementById(one.id);
      if (same) one.open = same.open;
    });
    now.replaceWith(document.adoptNode(next));
  };

  const free = () => [...document.querySelectorAll("main [data-part]")].every((part) => !isInUse(part));

  let asking = false, again = false;
  const refresh = async () => {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected) { if (free()) location.reload(); throw new Error("signed out"); }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const parts = document.querySelectorAll("main [data-part]");
      const missing = [...page.querySelectorAll("main [data-part]")].some((one) => !document.getElementById(one.id));
      if (missing && free()) {
        document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
      } else {
        for (const part of parts) {
          const next = page.getElementById(part.id);
          if (isInUse(part)) continue;
          if (next) replace(part, next); else part.remove();
        }
      }
      document.title = page.title;
      say("current");
    } catch {
      say("stale");
    } finally {
      asking = false;
      if (again) { again = false; refresh(); }
    }
  };

  const listen = () => {
    const stream = new EventSource(address);
    stream.addEventListener("open", () => say("current"));
    stream.addEventListener("changed", refresh);
    stream.addEventListener("error", () => {
      say("stale");
      // The browser tries again by itself unless the answer was no stream: while RMM starts anew behind a proxy.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => { refresh(); listen(); }, 5000);
    });
  };
  listen();
  // Times grow old although nothing happens.
  setInterval(() => { if (!document.hidden) refresh(); }, 60000);
})();
