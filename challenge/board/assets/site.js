// Sorting, filtering and choosing columns of tables, with the state in the link; copying code.
// Pages are complete without this file.
"use strict";
(() => {
  const state = new Map();
  const readState = () => {
    state.clear();
    for (const part of decodeURIComponent(location.hash.slice(1)).split("&")) {
      const at = part.indexOf("=");
      if (at > 0) state.set(part.slice(0, at), part.slice(at + 1));
    }
  };
  const writeState = () => {
    const text = [...state].filter(([, v]) => v !== "").map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join("&");
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };
  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  const value = (row, index) => {
    const cell = row.cells[index];
    if (!cell) return null;
    if (cell.dataset.v !== undefined) return cell.dataset.v === "" ? null : Number(cell.dataset.v);
    return cell.textContent.trim().toLocaleLowerCase("en");
  };

  const equip = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const original = [...body.rows];
    const name = table.id;
    const title = (head) => head.dataset.title || head.textContent.trim();
    const status = make("span", { class: "status", role: "status" });

    const sortBy = (index, down) => {
      heads.forEach((head, i) => {
        if (i === index) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      const rows = original.map((row, order) => ({ row, order, v: index < 0 ? order : value(row, index) }));
      // What has no value stays below, whichever way the column is sorted.
      rows.sort((a, b) => {
        if (a.v === null || b.v === null) return (a.v === null) - (b.v === null) || a.order - b.order;
        const by = typeof a.v === "number" ? a.v - b.v : a.v.localeCompare(b.v, "en", { numeric: true });
        return (down ? -by : by) || a.order - b.order;
      });
      body.append(...rows.map((entry) => entry.row));
    };

    const search = make("input", { type: "search", placeholder: "Filter rows", "aria-keyshortcuts": "/", "aria-label": "Filter the rows of this table", autocomplete: "off" });
    const filter = () => {
      const words = search.value.trim().toLocaleLowerCase("en").split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of original) {
        const text = row.textContent.toLocaleLowerCase("en");
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      status.textContent = words.length ? `${shown} of ${original.length} rows${pager ? " of this page" : ""}` : "";
      if (pager) searchAll(words);
    };

    // A table of several pages: names are also looked for on all of them.
    const pager = document.querySelector("nav.pager[data-rows]");
    const found = make("div", { class: "found", role: "status" });
    const searchAll = (words) => {
      found.replaceChildren();
      if (!words.length) return;
      if (!window.boardRows) { loadAll(); return; }
      const hits = [];
      window.boardRows.forEach(([rank, team], at) => {
        const text = team.toLocaleLowerCase("en");
        if (words.every((word) => text.includes(word))) hits.push({ rank, team, page: Math.floor(at / Number(pager.dataset.size)) + 1 });
      });
      const some = hits.slice(0, 12).map(({ rank, team, page }) => {
        const href = `${page === 1 ? "index" : `page-${page}`}.html#${name}.find=${encodeURIComponent(team)}`;
        return make("li", {}, `${rank === null ? "–" : rank}  `, make("a", { href }, make("bdi", {}, team)), ` on page ${page}`);
      });
      found.append(make("p", {}, `On all pages: ${hits.length} team${hits.length === 1 ? "" : "s"}${hits.length > some.length ? `, the first ${some.length}` : ""}`), make("ul", {}, ...some));
    };
    let loading = false;
    const loadAll = () => {
      if (loading) return;
      loading = true;
      const script = make("script", { src: pager.dataset.rows });
      script.addEventListener("load", filter);
      document.head.append(script);
    };
    search.addEventListener("input", () => { filter(); state.set(`${name}.find`, search.value.trim()); writeState(); });

    heads.forEach((head, index) => {
      if (head.classList.contains("plot")) return;
      head.dataset.title = title(head);
      const button = make("button", { type: "button", class: "sort" });
      const link = head.querySelector("a");
      if (link) { button.setAttribute("aria-label", `Sort by ${head.dataset.title}`); head.append(button); }
      else { button.append(...head.childNodes); head.append(button); }
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const firstDown = head.classList.contains("number") && head.dataset.lowFirst === undefined;
        const down = now === null ? firstDown : now === "ascending";
        sortBy(index, down);
        state.set(`${name}.sort`, (down ? "-" : "") + head.dataset.col);
        writeState();
      });
    });

    const hidden = new Set();
    const showColumns = () => {
      heads.forEach((head, index) => {
        const off = hidden.has(head.dataset.col);
        head.hidden = off;
        for (const row of original) if (row.cells[index]) row.cells[index].hidden = off;
      });
    };
    const boxes = heads.filter((head) => !["rank", "team"].includes(head.dataset.col)).map((head) => {
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(head.dataset.col); else hidden.add(head.dataset.col);
        showColumns();
        state.set(`${name}.hide`, [...hidden].join(",") || "nothing");
        writeState();
      });
      return { head, box, label: make("label", {}, box, " ", head.classList.contains("plot") ? "Interval plot" : title(head)) };
    });

    const tools = make("div", { class: "tools" });
    if (original.length > 5) tools.append(search, status);
    if (boxes.length > 3) {
      const menu = make("details", { class: "choose" }, make("summary", {}, "Columns"), make("div", { class: "menu" }, ...boxes.map((entry) => entry.label)));
      document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
      menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); } });
      tools.append(menu);
    }
    if (tools.childNodes.length) table.parentElement.before(tools);
    if (pager) tools.after(found);

    const restore = () => {
      hidden.clear();
      const chosen = state.get(`${name}.hide`);
      if (chosen === undefined) heads.forEach((head) => { if (head.dataset.folded !== undefined) hidden.add(head.dataset.col); });
      else chosen.split(",").filter((column) => heads.some((head) => head.dataset.col === column)).forEach((column) => hidden.add(column));
      for (const { head, box } of boxes) box.checked = !hidden.has(head.dataset.col);
      showColumns();
      search.value = state.get(`${name}.find`) || "";
      filter();
      const sort = state.get(`${name}.sort`) || "";
      const index = heads.findIndex((head) => head.dataset.col === sort.replace(/^-/, ""));
      sortBy(index, sort.startsWith("-"));
    };
    return restore;
  };

  // A row and its marks light up together; without this script the style sheet sees to it.
  for (const part of document.querySelectorAll(".linked")) {
    part.classList.remove("linked");
    let lit = [];
    const light = () => {
      lit.forEach((one) => one.classList.remove("lit"));
      const at = [...part.querySelectorAll("[data-row]:is(:hover, :focus-within)")];
      const numbers = new Set(at.flatMap((one) => one.dataset.row.split(" ")));
      lit = [...numbers].flatMap((number) => [...part.querySelectorAll(`[data-row~="${number}"]`)]);
      lit.forEach((one) => one.classList.add("lit"));
    };
    for (const event of ["mouseover", "mouseleave", "focusin"]) part.addEventListener(event, light);
    // The focus is gone only after the event.
    part.addEventListener("focusout", () => setTimeout(light));
  }

  // On a touch screen the first tap on a mark shows its message, the second follows its link.
  let [tapped, pointer] = [null, ""];
  document.addEventListener("pointerdown", (event) => { pointer = event.pointerType; });
  document.addEventListener("click", (event) => {
    const spot = pointer === "touch" ? event.target.closest(".spot") : null;
    if (spot && spot !== tapped) event.preventDefault();
    if (tapped) tapped.classList.remove("tapped");
    if (spot) spot.classList.add("tapped");
    tapped = spot;
  });

  // Two ticked rows of a board lead to the section of their pair.
  const compare = document.querySelector(".compare[data-teams]");
  if (compare) {
    const link = compare.querySelector("a");
    const [all, href] = [link.textContent, link.getAttribute("href")];
    const teams = compare.dataset.teams.split(" ");
    const boxes = teams.flatMap((slug) => {
      const team = document.querySelector(`#board a.team[href$="/team/${slug}/index.html"]`);
      if (!team) return [];
      const box = make("input", { type: "checkbox", class: "pick", "aria-label": `Compare ${team.textContent}` });
      team.before(box);
      return [{ box, slug, name: team.textContent }];
    });
    const said = make("span", { class: "said" });
    const clear = make("button", { type: "button" }, "Untick");
    let ticked = [];
    // While a row is ticked this is a bar at the lower edge of the screen.
    const show = (gone) => {
      const [a, b] = [...ticked].sort((one, other) => boxes.indexOf(one) - boxes.indexOf(other));
      compare.classList.toggle("picked", Boolean(a));
      link.textContent = b ? `Compare ${a.name} with ${b.name}` : all;
      link.setAttribute("href", b ? `${href}#${a.slug}_${b.slug}` : href);
      link.hidden = Boolean(a && !b);
      said.textContent = gone ? `Two rows at most: ${gone.name} is no longer ticked.` : a && !b ? `${a.name}: tick a second row to compare.` : "";
      clear.hidden = !a;
    };
    for (const entry of boxes) {
      entry.box.addEventListener("change", () => {
        ticked = ticked.filter((other) => other !== entry);
        if (entry.box.checked) ticked.push(entry);
        const gone = ticked.length > 2 ? ticked.shift() : null;
        if (gone) gone.box.checked = false;
        show(gone);
      });
    }
    clear.addEventListener("click", () => {
      ticked.forEach((entry) => { entry.box.checked = false; });
      ticked[0].box.focus({ preventScroll: true });
      ticked = [];
      show(null);
    });
    compare.setAttribute("role", "status");
    compare.prepend(said);
    compare.append(clear);
    show(null);
  }

  // The theme: as the system has it, until the reader chooses the other one.
  const root = document.documentElement;
  const kept = (value) => {
    try {
      if (value) localStorage.setItem("challenge-theme", value);
      return localStorage.getItem("challenge-theme");
    } catch {
      // A browser that stores nothing keeps the choice for this page.
      return value;
    }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = make("button", { type: "button", class: "theme" });
  const showTheme = (chosen) => {
    const dark = chosen ? chosen === "dark" : system.matches;
    root.style.colorScheme = chosen || "";
    theme.textContent = dark ? "Light theme" : "Dark theme";
    theme.dataset.theme = dark ? "light" : "dark";
  };
  theme.addEventListener("click", () => showTheme(kept(theme.dataset.theme)));
  system.addEventListener("change", () => showTheme(kept()));
  const foot = document.querySelector("footer .wide");
  if (foot) { foot.append(theme); showTheme(kept()); }

  // "/" goes to the search of the page.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const search = document.querySelector("input[type=search]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || !search) return;
    event.preventDefault();
    search.focus();
  });

  // A button beside code copies it; where the browser does not allow that, it marks the text.
  for (const code of document.querySelectorAll("pre > code")) {
    const button = make("button", { type: "button" }, "Copy");
    const said = make("span", { class: "hidden", role: "status" });
    const say = (text) => { button.textContent = text; said.textContent = text; };
    button.addEventListener("click", () => {
      const mark = () => { getSelection().selectAllChildren(code); say("Marked"); };
      if (!navigator.clipboard) { mark(); return; }
      navigator.clipboard.writeText(code.textContent).then(() => say("Copied"), mark);
    });
    const box = make("div", { class: "copyable" });
    code.parentElement.replaceWith(box);
    box.append(code.parentElement, button, said);
  }

  readState();
  const restorers = [...document.querySelectorAll("table.data")].filter((table) => table.id).map(equip);
  const restoreAll = () => restorers.forEach((restore) => restore());
  restoreAll();
  window.addEventListener("hashchange", () => { readState(); restoreAll(); });
})();
