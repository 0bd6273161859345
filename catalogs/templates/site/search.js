// Search over names by substring and by pinyin initials ("zzzm" finds 在职证明), all in this page: the index is a
// script beside this one, loaded at the first key, so that it works from a folder as well as from a server.
"use strict";
(function () {
  const form = document.getElementById("search");
  const input = form.querySelector("input");
  const found = document.getElementById("found");
  const root = form.dataset.root;
  const SHOWN = 30;
  let asked = false;
  form.hidden = false;

  // "z[cz]m" is three places, the second of which is c or z: a character that is read in two ways.
  function places(initials) {
    return initials.match(/\[[^\]]*\]|./g) || [];
  }

  function startsAt(spelt, letters) {
    for (let at = 0; at + letters.length <= spelt.length; at++) {
      if ([...letters].every((letter, i) => spelt[at + i].includes(letter))) return at;
    }
    return -1;
  }

  // Lower is better; -1 is no match.
  function rank(entry, words, letters) {
    const [, title, code, unit, , , more] = entry.lower;
    let worst = 0;
    for (const word of words) {
      const at = title.indexOf(word);
      let one = -1;
      if (at >= 0) one = at === 0 ? 0 : 1;
      else if (code.includes(word)) one = 2;
      else if (unit.includes(word)) one = 5;
      else if (more.includes(word)) one = 6;
      if (one < 0) { worst = -1; break; }
      worst = Math.max(worst, one);
    }
    if (letters.length > 1) {
      const at = startsAt(entry.spelt, letters);
      const spelt = at < 0 ? -1 : at === 0 ? 3 : 4;
      if (spelt >= 0 && (worst < 0 || spelt < worst)) return spelt;
    }
    return worst;
  }

  function prepared() {
    const entries = window.yiciIndex || [];
    if (entries.length && !entries[0].lower) {
      for (const entry of entries) {
        entry.lower = entry.map((text) => text.toLowerCase());
        entry.spelt = places(entry[5]);
      }
    }
    return entries;
  }

  function show() {
    const text = input.value.normalize("NFKC").trim().toLowerCase();
    history.replaceState(null, "", text ? "#q=" + encodeURIComponent(text) : location.pathname + location.search);
    if (!text) { found.hidden = true; return; }
    const words = text.split(/\s+/);
    const letters = /^[a-z0-9]+$/.test(text) ? text : "";
    const hits = [];
    prepared().forEach((entry, order) => {
      const score = rank(entry, words, letters);
      if (score >= 0) hits.push([score, order, entry]);
    });
    hits.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const list = document.createElement("ol");
    for (const [, , entry] of hits.slice(0, SHOWN)) {
      const item = list.appendChild(document.createElement("li"));
      const link = item.appendChild(document.createElement("a"));
      link.href = root + entry[4];
      link.textContent = entry[1];
      const about = item.appendChild(document.createElement("span"));
      about.className = "muted small";
      about.textContent = "  " + [entry[0], entry[3], entry[2]].filter(Boolean).join(" · ");
    }
    const told = document.createElement("p");
    told.className = "muted small";
    told.setAttribute("role", "status");
    told.textContent = !hits.length
      ? "没有找到。可试名称中的几个字、拼音首字母或编码。"
      : hits.length > SHOWN ? `找到 ${hits.length} 条, 显示前 ${SHOWN} 条` : `找到 ${hits.length} 条`;
    found.firstElementChild.replaceChildren(told, list);
    found.hidden = false;
  }

  function ask() {
    if (window.yiciIndex) { show(); return; }
    if (asked) return;
    asked = true;
    const script = document.createElement("script");
    script.src = root + "assets/search-index.js";
    script.onload = show;
    document.head.appendChild(script);
  }

  input.addEventListener("input", ask);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = found.querySelector("a");
    if (first && !found.hidden) first.click();
  });
  if (location.hash.startsWith("#q=")) {
    input.value = decodeURIComponent(location.hash.slice(3));
    ask();
  }
})();
