// The dashboard: asks /api/status once a second and shows the answer. Texts reach the page as textContent only.

const WINDOW = 300; // seconds of history that the charts show
const EVERY = 1000; // milliseconds from one poll to the next
const SLOWEST = 5000; // the longest pause between polls while veilstream does not answer
const SVG = "http://www.w3.org/2000/svg";
const NONE = "–";

const $ = (id) => document.getElementById(id);

// ---- Numbers and times in words

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

const count = (n) => (n == null ? NONE : whole.format(n));
const rate = (n) => (n == null ? NONE : n > 0 && n < 100 ? tenths.format(n) : whole.format(n));

function duration(seconds) {
  if (seconds == null) return NONE;
  if (seconds === 0) return "0 s";
  if (seconds < 0.0095) return `${tenths.format(seconds * 1000)} ms`;
  if (seconds < 0.9995) return `${whole.format(seconds * 1000)} ms`;
  if (seconds < 99.95) return `${tenths.format(seconds)} s`;
  const s = Math.round(seconds);
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${whole.format(Math.floor(s / 86400))} d ${Math.floor((s % 86400) / 3600)} h`;
}

function longTime(seconds) {
  if (seconds == null || seconds < 99.95) return duration(seconds);
  return seconds < 5970 ? `${Math.round(seconds / 60)} min` : `${whole.format(seconds / 3600)} h`;
}

function bytes(n) {
  if (n == null) return NONE;
  const step = Math.min(4, Math.max(0, Math.floor(Math.log2(n || 1) / 10)));
  const value = n / 1024 ** step;
  return `${step && value % 1 ? tenths.format(value) : whole.format(value)} ${["B", "KiB", "MiB", "GiB", "TiB"][step]}`;
}

const utc = (text) => (text == null ? NONE : new Date(text).toISOString().slice(0, 19).replace("T", " "));
const clock = (milliseconds) => new Date(milliseconds).toISOString().slice(11, 19);
const words = (name) => String(name).replaceAll("_", " ");

// ---- Putting it on the page, changing only what is not there already, so that focus and selection stay

function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "rect", "text"].includes(tag);
  const node = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Makes the children of `parent` those of `items`, keeping a child whose key is still there. */
function each(parent, items, key, create, update) {
  const wanted = new Set(items.map((item) => String(key(item))));
  const there = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) there.set(child.dataset.key, child);
    else {
      if (child.contains(document.activeElement)) $("quarantine-title").focus({ preventScroll: true });
      child.remove();
    }
  }
  items.forEach((item, index) => {
    const name = String(key(item));
    const node = there.get(name) ?? create(item);
    node.dataset.key = name;
    update(node, item);
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

function bar() {
  const box = { x: 0, y: 0, height: "100%" };
  return make("svg", { class: "bar", "aria-hidden": "true" },
    make("rect", { ...box, class: "track", width: "100%" }), make("rect", { ...box, class: "value", width: 0 }));
}

/** Rows of a table: a heading, then cells that are numbers, or `{ share }` for a bar. */
function rows(body, items) {
  each(body, items, (item) => item.name,
    (item) => make("tr", {}, make("th", { scope: "row" }),
      ...item.cells.map((cell) => (cell?.share === undefined ? make("td", { class: "n" }) : make("td", {}, bar())))),
    (row, item) => {
      text(row.cells[0], item.name);
      item.cells.forEach((cell, index) => {
        const node = row.cells[index + 1];
        if (cell?.share === undefined) text(node, cell);
        else node.querySelector(".value").setAttribute("width", `${Math.min(100, 100 * (cell.share || 0)).toFixed(2)}%`);
      });
    });
}

// ---- Charts

/** The round step (1, 2 or 5 times a power of ten) that gives at most four or five of them up to `most`. */
function roundStep(most) {
  const power = 10 ** Math.floor(Math.log10(most / 4));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => most / step <= 4.5) ?? 10 * power;
}

/** A chart of the fields `keys` of the history; `least` is the smallest top of the scale, `unit` that of its ticks. */
function chart(svg, keys, least, unit, describe) {
  const left = 58, right = 10, top = 10, bottom = 24;
  const layers = make("g");
  svg.append(layers);
  let points = [], end = 0, pointed = null;

  function draw() {
    const width = svg.clientWidth || 600, height = svg.clientHeight || 176;
    const values = points.flatMap((point) => keys.map((key) => point[key] ?? 0));
    const needed = Math.max(least, ...values);
    const [one, tick] = unit(needed);
    const step = roundStep(needed / one) * one;
    const most = Math.ceil(needed / step - 1e-9) * step;
    const x = (at) => left + (1 - (end - at) / (WINDOW * 1000)) * (width - left - right);
    const y = (value) => top + (1 - value / most) * (height - top - bottom);
    const nodes = [];
    for (let value = 0; value <= most + step / 2; value += step) {
      nodes.push(make("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
        make("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, tick(value / one)));
    }
    for (let minute = 0; minute <= WINDOW / 60; minute += 1) {
      const place = x(end - minute * 60000);
      nodes.push(make("line", { class: "grid", x1: place, x2: place, y1: height - bottom, y2: height - bottom + 4 }),
        make("text", { x: minute ? place : width, y: height - 5, "text-anchor": minute ? "middle" : "end" },
          minute ? `−${minute} min` : "now"));
    }
    keys.forEach((key, index) => {
      let line = "", area = "", before = null, first = 0;
      const close = () => { if (before) area += `L${x(before.at).toFixed(1)} ${y(0)}L${first} ${y(0)}Z`; };
      for (const point of points) {
        if (point[key] == null) { close(); before = null; continue; }
        const joined = before && point.at - before.at < 2500;
        if (!joined) { close(); first = x(point.at).toFixed(1); }
        const place = `${joined ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point[key]).toFixed(1)}`;
        line += place; area += place; before = point;
      }
      close();
      if (keys.length === 1) nodes.push(make("path", { class: "area", d: area }));
      nodes.push(make("path", { class: `series ${"ab"[index]}`, d: line }));
    });
    const near = pointed === null ? null : nearest(left, width - left - right);
    if (near) nodes.push(make("line", { class: "cursor", x1: x(near.at), x2: x(near.at), y1: top, y2: height - bottom }));
    layers.replaceChildren(...nodes);
    describe(points, near);
  }

  function nearest(from, width) {
    const at = end - (1 - (pointed - from) / width) * WINDOW * 1000;
    return points.reduce((best, p) => (best && Math.abs(best.at - at) <= Math.abs(p.at - at) ? best : p), null);
  }

  const point = (event) => { pointed = event.clientX - svg.getBoundingClientRect().left; draw(); };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointerleave", () => { pointed = null; draw(); });
  new ResizeObserver(draw).observe(svg);
  return (history, now) => { points = history; end = now; draw(); };
}

const known = (points, key) => points.map((point) => point[key]).filter((value) => value != null);
const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
const highest = (values) => (values.length ? Math.max(...values) : null);

function say(name, points, near, sentence, moment) {
  const whole = points.length ? sentence(points) : "No data yet";
  text($(`${name}-desc`), whole);
  text($(`${name}-summary`), near ? `${clock(near.at)} UTC: ${moment(near)}` : whole);
}

const drawRate = chart($("chart-rate"), ["per_second"], 1,
  (most) => [1, (value) => (most < 100000 ? plain : short).format(value)],
  (points, near) => say("rate", points, near,
    (all) => `Mean ${rate(mean(known(all, "per_second")))}, highest ${rate(highest(known(all, "per_second")))} per second`,
    (one) => `${rate(one.per_second)} per second`));

const drawDelay = chart($("chart-delay"), ["delay_p50", "delay_p99"], 0.004,
  (most) => {
    const [one, name] = most < 1 ? [0.001, "ms"] : most < 120 ? [1, "s"] : most < 7200 ? [60, "min"] : [3600, "h"];
    return [one, (value) => `${plain.format(value)} ${name}`];
  },
  (points, near) => say("delay", points, near,
    (all) => `Highest p50 ${duration(highest(known(all, "delay_p50")))}, highest p99 ${duration(highest(known(all, "delay_p99")))}`,
    (one) => `p50 ${duration(one.delay_p50)}, p99 ${duration(one.delay_p99)}`));

function showHistory(status) {
  const now = Date.parse(status.now);
  const points = (status.history ?? []).map((entry) => ({ ...entry, at: Date.parse(entry.at) }))
    .filter((point) => now - point.at <= WINDOW * 1000);
  drawRate(points, now);
  drawDelay(points, now);
  const steps = new Map();
  for (const point of points) {
    const from = Math.floor(point.at / 30000) * 30000;
    steps.set(from, [...(steps.get(from) ?? []), point]);
  }
  rows($("history"), [...steps].reverse().map(([from, inside]) => ({
    name: clock(from),
    cells: [rate(mean(known(inside, "per_second"))), duration(highest(known(inside, "delay_p50"))),
      duration(highest(known(inside, "delay_p99")))],
  })));
}

// ---- The parts of the page

function number(id, value, words = count) {
  text($(id), words(value));
  $(id).dataset.value = value ?? "";
}

function showState(status) {
  const away = status.services.filter((service) => service.reachable === false);
  const reasons = away.map((service) => `the ${service.service} does not answer${service.cause ? ` (${service.cause})` : ""}`);
  const state = status.ready ? "Ready" : `Not ready: ${reasons.join("; ")}`;
  $("state").dataset.ready = status.ready;
  text($("state"), state);
  text($("pipeline"), status.pipeline);
  for (const id of ["queue", "database", "table", "version"]) text($(id), status[id] ?? NONE);
  for (const { service, reachable, away_seconds } of status.services) {
    const node = $(`${service}-state`);
    if (node) text(node, reachable ? "reachable" : `away for ${duration(away_seconds)}`);
  }
  text($("uptime"), duration(Math.floor(status.uptime_seconds)).replace(".0 s", " s"));
  text($("since"), `since ${utc(status.started_at)}`);
}

let timesOff = 0; // in a row: one answer may be off by what was settled while it was put together

function showNumbers(status) {
  number("per-second", status.per_second, rate);
  number("delay-p50", status.delay_seconds?.p50, duration);
  number("delay-p99", status.delay_seconds?.p99, duration);
  number("oldest", status.oldest_in_flight_seconds, duration);
  const { received, loaded, duplicates, quarantined, left, in_flight } = status.totals;
  for (const [id, value] of Object.entries({ received, loaded, duplicates, quarantined, left, "in-flight": in_flight })) {
    number(id, value);
  }
  const off = received - (loaded + duplicates + quarantined + left + in_flight);
  timesOff = off === 0 ? 0 : timesOff + 1;
  if (timesOff > 0 && timesOff < 5) return;
  $("balance").dataset.balance = off === 0 ? "holds" : "off";
  text($("balance"), off === 0 ? "Since the start. In flight is what was received and is not settled yet."
    : off > 0 ? `The balance is off by ${count(off)}: received, and counted nowhere.`
      : `The balance is off by ${count(-off)}: counted, and never received.`);
}

function showWork(status) {
  const all = status.stages.reduce((sum, stage) => sum + stage.seconds, 0);
  rows($("stages"), status.stages.map((stage) => ({
    name: stage.stage,
    cells: [{ share: stage.seconds / all }, count(stage.calls), longTime(stage.seconds), duration(stage.p50), duration(stage.p99)],
  })));
  rows($("use"), [
    ...status.fleets.map(({ fleet, members, most }) => ({ name: words(fleet), used: members, most, as: count })),
    ...status.budget.map(({ resource, used, most }) =>
      ({ name: `${words(resource)} in memory`, used, most, as: resource === "bytes" ? bytes : count })),
  ].map(({ name, used, most, as }) => ({ name, cells: [{ share: used / most }, as(used), as(most)] })));
  const more = [
    ["Deleted from the queue", count(status.totals.deleted)],
    ["Deletions that failed", count(status.deletions_failed)],
    ["Visibility time-outs extended", count(status.lease_extensions)],
    ["Bytes received", bytes(status.totals.bytes)],
    ["Days (partitions) of the ledger", count(status.ledger_partitions)],
    ["Retries", (status.retries ?? []).map(({ cause, retries }) => `${words(cause)} ${count(retries)}`).join(", ") || "none"],
  ];
  each($("more"), more, ([name]) => name, ([name]) => make("div", {}, make("dt", {}, name), make("dd")),
    (node, [, value]) => text(node.lastChild, value));
}

const FIELDS = [["Entry", "id"], ["Quarantined", "time", "rejected_at"], ["Sent", "time", "sent_at"], ["Code", "code"],
  ["Column", "column"], ["Reason", "reason"]];

function entryRow({ id }) {
  const button = (action, name) =>
    make("button", { type: "button", "data-action": action, "aria-label": `${name} entry ${id}` }, name);
  return make("tr", { role: "row", "data-entry": id },
    ...FIELDS.map(([label, kind]) => make("td", { role: "cell", "data-label": label, "data-kind": kind })),
    make("td", { role: "cell", "data-kind": "actions" }, button("replay", "Replay"), button("discard", "Discard")));
}

function showQuarantine({ by_code: codes, newest, newest_error: error, may_act: mayAct, why_not: whyNot }) {
  const all = codes.reduce((sum, { messages }) => sum + messages, 0);
  rows($("by-code"), codes.map(({ code, messages }) => ({ name: code, cells: [count(messages), { share: messages / all }] })));
  $("by-code-table").hidden = !codes.length;
  $("by-code-none").hidden = codes.length > 0;
  $("actions-head").hidden = !mayAct;
  if (!error) { // else what was known last stays
    $("entries-table").hidden = !newest?.length;
    each($("entries"), newest ?? [], ({ id }) => id, entryRow, (row, entry) => {
      FIELDS.forEach(([, kind, field = kind], index) =>
        text(row.cells[index], kind === "time" ? utc(entry[field]) : String(entry[field] ?? NONE)));
    });
  }
  for (const row of $("entries").children) row.lastChild.hidden = !mayAct;
  const notes = [];
  if (error) notes.push(`The newest entries cannot be read: ${error}`);
  else if (newest === null) {
    notes.push("Only counts are shown here. Entries are shown once admin.database_url is set (role veilstream_operator); "
      + "the command “veilstream quarantine list” shows them, too.");
  } else if (!newest.length) notes.push("No entry is open.");
  if (!mayAct && whyNot && whyNot !== error) notes.push(`No replay or discard from here: ${whyNot}`);
  text($("entries-note"), notes.join(" "));
}

function showWarnings(warnings) {
  each($("warnings"), warnings.map((warning, index) => [index, warning]), ([index]) => index, () => make("li"),
    (node, [, warning]) => text(node, warning));
  $("warnings").hidden = $("warned").hidden = !warnings.length;
  $("warnings-none").hidden = warnings.length > 0;
  text($("warned").firstChild, warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`);
}

let startedAt = null;

function show(status) {
  if (startedAt !== null && startedAt !== status.started_at) {
    text($("restarted"), `veilstream was restarted at ${utc(status.started_at)} UTC: all counts begin there.`);
  }
  startedAt = status.started_at;
  showState(status);
  showNumbers(status);
  showHistory(status);
  showQuarantine(status.quarantine);
  showWork(status);
  showWarnings(status.warnings ?? []);
}

// ---- Asking

let readToken = null; // in memory only: gone with the page
let timer = 0, asking = false, failures = 0;

function connection(kind, words) {
  $("connection").dataset.connection = kind;
  text($("connection"), words);
  document.body.classList.toggle("stale", kind !== "live");
  const bad = kind === "lost" ? "No answer · " : $("state").dataset.ready === "false" ? "Not ready · " : "";
  document.title = `${bad}${$("pipeline").textContent} · veilstream`;
}

async function failure(response) {
  const answer = await response.json().catch(() => ({}));
  return typeof answer?.error === "string" ? answer.error : `veilstream answers with status ${response.status}`;
}

async function poll() {
  clearTimeout(timer);
  if (asking || document.hidden || $("sign-in").open) return;
  asking = true;
  const begun = performance.now();
  let problem = null;
  try {
    const response = await fetch("/api/status", {
      headers: readToken === null ? {} : { Authorization: `Bearer ${readToken}` },
      cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(SLOWEST),
    });
    if (response.status === 401) signIn();
    else if (!response.ok) problem = `${await failure(response)}; trying again`;
    else {
      const status = await response.json();
      try {
        show(status);
        connection("live", "Live");
      } catch (error) {
        console.error(error);
        problem = "This page does not understand the answer; reload it";
      }
    }
  } catch {
    problem = "Connection lost, trying again";
  }
  asking = false;
  failures = problem ? failures + 1 : 0;
  if (problem) connection("lost", problem);
  const pause = problem ? Math.min(SLOWEST, EVERY * 2 ** (failures - 1)) : EVERY - (performance.now() - begun);
  if (!$("sign-in").open) timer = setTimeout(poll, Math.max(100, pause));
}

function signIn() {
  connection("waiting", "Admin token needed");
  const refused = readToken !== null;
  readToken = null;
  if (!$("sign-in").open && !$("confirm").open) $("sign-in").showModal();
  if (refused) requestAnimationFrame(() => text($("sign-in-error"), "That token was refused."));
}

$("sign-in").addEventListener("cancel", (event) => event.preventDefault()); // without a token there is nothing to see
$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  readToken = $("read-token").value.trim();
  $("sign-in").close();
});
$("sign-in").addEventListener("close", () => {
  $("read-token").value = "";
  text($("sign-in-error"), "");
  poll();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });

// ---- Replay and discard

const WHAT = {
  replay: (id) => `veilstream opens the sealed original of entry ${id}, decodes and masks it as the configuration says `
    + `today, and loads its row into ${$("table").textContent}. If it is rejected again, the entry stays open. `
    + "The replay is noted in the audit trail.",
  discard: (id) => `The sealed original of entry ${id} is erased and can no longer be loaded. The entry itself stays, `
    + "as discarded. There is no way back.",
};

let wanted = null; // what the dialog is about: { action, id }
let came = null; // what came of it: { failed, words }
let sending = false;

$("entries").addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button || sending) return;
  wanted = { action: button.dataset.action, id: button.closest("[data-entry]").dataset.entry };
  const discard = wanted.action === "discard";
  const name = `${discard ? "Discard" : "Replay"} entry ${wanted.id}`;
  $("confirm").dataset.confirm = wanted.action;
  came = { failed: false, words: "" };
  tell();
  text($("confirm-error"), "");
  text($("confirm-title"), `${name}?`);
  text($("confirm-ok"), discard ? "Discard" : "Replay");
  text($("confirm-text"), WHAT[wanted.action](wanted.id));
  $("confirm").showModal();
  $("token").focus();
});

function busy(now) {
  sending = now;
  $("confirm-ok").setAttribute("aria-disabled", now);
  $("confirm-cancel").setAttribute("aria-disabled", now);
}

function tell() {
  $("outcome").toggleAttribute("data-failed", came.failed);
  text($("outcome"), came.words);
}

async function act({ action, id }, token) {
  try {
    const response = await fetch(`/api/quarantine/${encodeURIComponent(id)}/${action}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: "{}",
      cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(90000),
    });
    if (!response.ok) return { failed: true, words: `Entry ${id}: ${await failure(response)}` };
    const { detail } = await response.json();
    return { failed: false, words: `Entry ${id}: ${detail}.` };
  } catch (error) {
    return { failed: true, words: `Entry ${id}: ${error instanceof TypeError ? "veilstream cannot be reached; nothing is known"
      : "no complete answer came; it may have been done"}. Look at the list before you try again.` };
  }
}

$("confirm").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) return;
  const token = $("token").value.trim();
  $("token").value = "";
  busy(true);
  text($("confirm-error"), "");
  came = await act(wanted, token);
  busy(false);
  if (came.failed) {
    text($("confirm-error"), came.words);
    $("token").focus();
  } else $("confirm").close();
  poll();
});
$("confirm").addEventListener("cancel", (event) => { if (sending) event.preventDefault(); });
$("confirm-cancel").addEventListener("click", () => { if (!sending) $("confirm").close(); });
$("confirm").addEventListener("close", () => {
  $("token").value = "";
  requestAnimationFrame(tell); // while the dialog is open nobody hears what is behind it
});

poll();
