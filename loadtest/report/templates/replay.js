// The replay of a run: draws the timeline around a cursor, steps it, and tells why. Times are microseconds from RUN.from.
"use strict";
const RUN = JSON.parse(document.querySelector("#run").textContent);
const find = id => document.getElementById(id);
const canvas = find("timeline"), pen = canvas.getContext("2d");
const END = RUN.end, LEAST = 200; // the narrowest view, microseconds
const LEFT = innerWidth < 700 ? 52 : 84;
const shown = new Set(["origin", "redis", ...RUN.pods]);
let view = [0, Math.max(END, LEAST)], at = 0, current = -1, chosen = null, playing = null, boxes = [];

const seconds = us => (RUN.from + us / 1e6).toFixed(6);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const ended = us => us === null ? END : us;
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const ink = {};
const readInks = () => {
  // a light-dark() has to be resolved by the browser
  const probe = document.createElement("i");
  document.body.append(probe);
  for (const name of ["load", "lock", "wait", "request", "hits", "expiry", "bad", "ink", "quiet", "faint", "paper", "raised", "link"]) {
    probe.style.color = `var(--${name})`;
    ink[name] = getComputedStyle(probe).color;
  }
  probe.remove();
};

// rows for spans that overlap: the first row that is free; beyond `most` they share the last
const packed = (spans, most) => {
  const free = [];
  for (const span of [...spans].sort((one, other) => one.begin - other.begin)) {
    let row = free.findIndex(until => until <= span.begin);
    if (row < 0) row = Math.min(free.length, most - 1);
    free[row] = ended(span.end);
    span.row = row;
  }
};

const thing = kind => ([pod, item, begin, end, text, why]) => ({ kind, pod, item, begin, end, text, why });
const loads = RUN.loads.map(thing("load")), locks = RUN.locks.map(thing("lock"));
const waits = RUN.waits.map(thing("wait")), requests = RUN.requests.map(thing("request"));
const lanes = [];
lanes.push({ name: "origin", groups: [{ spans: loads.map(load => ({ ...load, of: load })), height: 5, most: 24 }] });
lanes.push({ name: "redis", groups: [{ spans: locks, height: 9, most: 8 }] });
RUN.pods.forEach((name, pod) => lanes.push({
  name, pod, groups: [
    { spans: loads.filter(load => load.pod === pod), height: 7, most: 12 },
    { spans: waits.filter(wait => wait.pod === pod), height: 5, most: 4 },
    { spans: requests.filter(request => request.pod === pod), height: 4, most: 30 },
  ],
}));
for (const lane of lanes) for (const group of lane.groups) packed(group.spans, group.most);
const isInView = span => span.begin <= view[1] && ended(span.end) >= view[0];
// a lane is as high as what is in view: else the waiters of the cold start decide for the whole run
const measure = () => {
  for (const lane of lanes) {
    lane.height = lane.pod === undefined ? 8 : 26;
    for (const group of lane.groups) {
      group.rows = group.spans.reduce((most, span) => isInView(span) ? Math.max(most, span.row + 1) : most, 0);
      lane.height += group.rows * group.height + (group.rows ? 4 : 0);
    }
    lane.height = Math.max(lane.height, 24);
  }
};
const mostHits = Math.max(1, ...RUN.hits.flatMap(of => of));

const draw = () => {
  measure();
  const width = canvas.clientWidth, ratio = devicePixelRatio || 1;
  const tall = 26 + lanes.reduce((sum, lane) => sum + (shown.has(lane.name) ? lane.height : 16), 0);
  canvas.style.height = `${tall}px`;
  canvas.width = width * ratio;
  canvas.height = tall * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = ink.paper;
  pen.fillRect(0, 0, width, tall);
  pen.font = "11px system-ui, sans-serif";
  boxes = [];
  const x = us => LEFT + (us - view[0]) / (view[1] - view[0]) * (width - LEFT);
  ruler(x, width, tall);
  let y = 26;
  for (const lane of lanes) y = drawLane(lane, x, y, width);
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, width - LEFT, tall);
  pen.clip();
  for (const [us, kind] of RUN.moments) {
    if (us < view[0] || us > view[1]) continue;
    const isBad = kind === "fault" || kind === "violation";
    pen.strokeStyle = isBad ? ink.bad : kind === "expiry" ? ink.expiry : kind === "store" ? ink.hits : ink.quiet;
    pen.lineWidth = kind === "violation" ? 4 : isBad ? 2.5 : 1;
    pen.setLineDash(kind === "expiry" ? [4, 3] : []);
    line(x(us), 18, x(us), isBad || kind === "expiry" ? tall : 26 + (shown.has("origin") ? lanes[0].height : 16) + (shown.has("redis") ? lanes[1].height : 16));
  }
  pen.setLineDash([]);
  pen.strokeStyle = ink.link;
  pen.lineWidth = 1.5;
  line(x(at), 0, x(at), tall);
  pen.restore();
};
const line = (x1, y1, x2, y2) => { pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke(); };

const ruler = (x, width, tall) => {
  const rough = (view[1] - view[0]) / Math.max(2, (width - LEFT) / 90), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(times => times * power).find(size => size >= rough);
  const digits = clamp(Math.ceil(-Math.log10(step / 1e6)), 0, 6);
  const first = Math.ceil((RUN.from * 1e6 + view[0]) / step) * step - RUN.from * 1e6;
  pen.lineWidth = 1;
  for (let us = first; us <= view[1]; us += step) {
    pen.strokeStyle = ink.faint;
    line(x(us), 14, x(us), tall);
    pen.fillStyle = ink.quiet;
    const text = `${(RUN.from + us / 1e6).toFixed(digits)} s`;
    if (x(us) + pen.measureText(text).width + 3 < width) pen.fillText(text, x(us) + 3, 11);
  }
};

const drawLane = (lane, x, top, width) => {
  const isShown = shown.has(lane.name), height = isShown ? lane.height : 16;
  pen.strokeStyle = ink.faint;
  pen.lineWidth = 1;
  line(0, top, width, top);
  pen.fillStyle = isShown ? ink.ink : ink.quiet;
  pen.fillText(lane.name, 4, top + 13);
  if (!isShown) return top + height;
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, top, width - LEFT, height);
  pen.clip();
  let y = top + 4;
  if (lane.pod !== undefined) {
    pen.fillStyle = ink.hits;
    RUN.hits[lane.pod].forEach((count, place) => {
      const tall = 18 * count / mostHits, left = x(place * RUN.bin);
      if (count) pen.fillRect(left, y + 18 - tall, Math.max(1, x((place + 1) * RUN.bin) - left - 0.5), tall);
    });
    y += 22;
  }
  for (const group of lane.groups) {
    for (const span of group.spans) {
      const left = x(span.begin), right = x(ended(span.end)), of = span.of || span;
      if (right < LEFT || left > width) continue;
      const box = [left, y + span.row * group.height, Math.max(1.5, right - left), group.height - 1];
      pen.fillStyle = ink[span.kind];
      pen.globalAlpha = span.begin > at ? 0.4 : 1;
      pen.fillRect(...box);
      pen.globalAlpha = 1;
      if (chosen === of) { pen.strokeStyle = ink.ink; pen.lineWidth = 2; pen.strokeRect(...box); }
      boxes.push([...box, of]);
    }
    y += group.rows * group.height + (group.rows ? 4 : 0);
  }
  pen.restore();
  return top + height;
};

const explain = of => {
  chosen = of;
  const told = document.createElement("ol");
  for (const place of of.why) told.append(Object.assign(document.createElement("li"), { textContent: RUN.texts[place] }));
  find("why-title").textContent = of.kind === "request" ? "Why this request waited" : `This ${of.kind}`;
  find("why").replaceChildren(told);
};

// the list holds the events around the cursor, so that a long run stays quick
const AROUND = 60;
let listed = null;
const list = () => {
  const from = clamp(current - AROUND, 0, Math.max(0, RUN.events.length - 2 * AROUND));
  const until = Math.min(RUN.events.length, from + 2 * AROUND);
  const holder = find("events"), key = `${from}`;
  if (listed !== key) {
    const hadFocus = holder.contains(document.activeElement);
    holder.replaceChildren(...RUN.events.slice(from, until).map(([us, pod, text], place) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.textContent = `${seconds(us)}  ${(pod < 0 ? "" : RUN.pods[pod]).padEnd(7)} ${RUN.texts[text]}`;
      button.onclick = () => goTo(from + place);
      const row = document.createElement("li");
      row.dataset.event = from + place;
      row.className = /^(VIOLATION|fault:)/.test(RUN.texts[text]) ? "bad" : "";
      row.append(button);
      return row;
    }));
    listed = key;
    if (hadFocus) holder.querySelector(`[data-event="${current}"] button`)?.focus();
  }
  for (const row of holder.children) {
    if (Number(row.dataset.event) === current) {
      row.setAttribute("aria-current", "true");
      holder.scrollTop = row.offsetTop - holder.offsetTop - holder.clientHeight / 2;
    } else row.removeAttribute("aria-current");
  }
};

const show = () => {
  draw();
  list();
  if (document.activeElement !== find("time")) find("time").value = seconds(at);
};
const remember = () => {
  const hash = `#t=${seconds(at)}${current < 0 ? "" : `&e=${current}`}`;
  try { history.replaceState(null, "", hash); } catch { location.hash = hash; }
};
const intoView = () => {
  if (at >= view[0] && at <= view[1]) return;
  const width = view[1] - view[0];
  const left = clamp(at - width / 3, 0, Math.max(0, END - width));
  view = [left, left + width];
};
const lastBefore = us => { // the last event that is not after it
  let low = 0, high = RUN.events.length;
  while (low < high) { const middle = (low + high) >> 1; if (RUN.events[middle][0] <= us) low = middle + 1; else high = middle; }
  return low - 1;
};
const setTime = (us, event = lastBefore(us)) => {
  at = clamp(us, 0, END);
  current = event;
  intoView();
  show();
};
const goTo = event => {
  if (event < 0 || event >= RUN.events.length) return;
  const of = RUN.events[event][3];
  if (of >= 0) explain(requests[of]);
  setTime(RUN.events[event][0], event);
  remember();
};
const zoom = (times, around = at) => {
  const width = clamp((view[1] - view[0]) * times, LEAST, Math.max(END, LEAST));
  const left = clamp(around - (around - view[0]) / (view[1] - view[0]) * width, 0, Math.max(0, END - width));
  view = [left, left + width];
  show();
};
const runTo = kind => {
  const times = kind === "load" ? loads.map(load => load.begin)
    : RUN.moments.filter(moment => moment[1] === kind).map(moment => moment[0]);
  const next = times.filter(us => us > at).sort((one, other) => one - other)[0];
  if (next === undefined) { find("why").replaceChildren(Object.assign(document.createElement("p"), { textContent: `No ${kind} comes after ${seconds(at)} s.` })); return; }
  if (view[1] - view[0] > 1e6) { const width = Math.min(1e6, Math.max(END, LEAST)); view = [clamp(next - width / 3, 0, Math.max(0, END - width)), 0]; view[1] = view[0] + width; }
  setTime(next);
  if (kind === "load") explain(loads.find(load => load.begin === next));
  if (kind === "violation") find("why").replaceChildren(Object.assign(document.createElement("p"), { className: "missing", textContent: find("verdict").textContent }));
  show();
  remember();
};

const pause = () => { cancelAnimationFrame(playing); playing = null; find("play").textContent = "Play"; find("play").setAttribute("aria-pressed", "false"); remember(); };
const play = () => {
  if (playing !== null) return pause();
  if (at >= END) setTime(0);
  // with reduced motion time goes in leaps of half a second
  const leap = matchMedia("(prefers-reduced-motion: reduce)").matches ? 500 : 0;
  find("play").textContent = "Pause";
  find("play").setAttribute("aria-pressed", "true");
  let before = performance.now();
  const frame = now => {
    if (now - before >= leap) {
      setTime(at + (now - before) * 1000 * Number(find("speed").value));
      before = now;
    }
    if (at >= END) pause(); else playing = requestAnimationFrame(frame);
  };
  playing = requestAnimationFrame(frame);
};

find("play").onclick = play;
find("back").onclick = () => goTo(current - 1);
find("on").onclick = () => goTo(current + 1);
find("nearer").onclick = () => zoom(0.5);
find("farther").onclick = () => zoom(2);
find("whole").onclick = () => { view = [0, Math.max(END, LEAST)]; show(); };
find("time").onchange = event => {
  const typed = Number(event.target.value.replace(",", "."));
  if (Number.isFinite(typed)) { setTime((typed - RUN.from) * 1e6); remember(); }
};
for (const button of document.querySelectorAll("[data-run]")) button.onclick = () => runTo(button.dataset.run);
for (const lane of lanes) {
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
  box.onchange = () => { shown[box.checked ? "add" : "delete"](lane.name); draw(); };
  const label = document.createElement("label");
  label.append(box, lane.name === "redis" ? "redis (locks)" : lane.name);
  find("lanes").append(label);
}
document.addEventListener("keydown", event => {
  if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = { ArrowLeft: () => goTo(current - 1), ArrowRight: () => goTo(current + 1), "+": () => zoom(0.5), "-": () => zoom(2) };
  const isSpace = event.key === " " && !event.target.matches("button");
  if (keys[event.key] || isSpace) { event.preventDefault(); (keys[event.key] || play)(); }
});

const timeAt = x => view[0] + (x - LEFT) / (canvas.clientWidth - LEFT) * (view[1] - view[0]);
let grip = null;
canvas.addEventListener("wheel", event => {
  if (!event.ctrlKey && !event.shiftKey) return; // a plain wheel scrolls the page
  event.preventDefault();
  zoom((event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8, timeAt(event.offsetX));
}, { passive: false });
canvas.addEventListener("pointerdown", event => { grip = { x: event.offsetX, view: [...view], moved: false }; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointermove", event => {
  if (!grip || Math.abs(event.offsetX - grip.x) < 4 && !grip.moved) return;
  grip.moved = true;
  const width = grip.view[1] - grip.view[0];
  const left = clamp(grip.view[0] - (event.offsetX - grip.x) / (canvas.clientWidth - LEFT) * width, 0, Math.max(0, END - width));
  view = [left, left + width];
  draw();
});
canvas.addEventListener("pointerup", event => {
  if (grip && !grip.moved) {
    const { offsetX: x, offsetY: y } = event;
    const hit = boxes.findLast(([left, top, wide, tall]) => x >= left - 2 && x <= left + wide + 2 && y >= top - 1 && y <= top + tall + 1);
    if (hit) explain(hit[4]);
    setTime(timeAt(Math.max(x, LEFT)));
    remember();
  }
  grip = null;
});
canvas.addEventListener("pointercancel", () => { grip = null; });
new ResizeObserver(draw).observe(canvas.parentElement);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readInks(); draw(); });
// the run opens where it tells most: around the first expiry with a load after it, with who waited longest there
const BEFORE = 0.5e6, AFTER = 2e6; // microseconds around that expiry
const openAtExpiry = () => {
  for (const [us, kind] of RUN.moments) {
    if (kind !== "expiry") continue;
    const there = span => span.begin >= us && span.begin <= us + AFTER;
    const load = loads.find(there);
    if (!load) continue;
    const long = span => ended(span.end) - span.begin;
    const longest = requests.filter(there).reduce((most, one) => most && long(most) >= long(one) ? most : one, null);
    view = [Math.max(0, us - BEFORE), Math.min(Math.max(END, LEAST), us + AFTER)];
    explain(longest || load);
    setTime(ended(chosen.end));
    return true;
  }
  return false;
};
const arrive = () => {
  const stated = new URLSearchParams(location.hash.slice(1)), t = Number(stated.get("t")), e = Number(stated.get("e") ?? -1);
  if (stated.get("e") !== null && RUN.events[e]) goTo(e);
  else if (stated.get("t") !== null && Number.isFinite(t)) setTime((t - RUN.from) * 1e6);
  else if (RUN.moments.some(moment => moment[1] === "violation")) setTime(END, RUN.events.length - 1);
  else if (!openAtExpiry()) setTime(0);
};
addEventListener("hashchange", arrive);
readInks();
arrive();
