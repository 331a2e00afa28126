// The charts of a page in the colours of its theme, and its controls. A page that grows calls lab.draw(id, figure).
"use strict";
const lab = (() => {
  const root = document.documentElement;
  const asksForDark = matchMedia("(prefers-color-scheme: dark)");
  const figures = new Map(); // as JSON, by the id of the chart's place
  const probe = document.querySelector("#theme-probe");

  const NARROW_PX = 560; // below it the names in a chart would cover each other: its legend has them
  const colour = variable => {
    probe.style.color = `var(${variable})`;
    return getComputedStyle(probe).color;
  };
  const themed = figure => {
    let text = figure;
    for (const [stated, variable] of Object.entries(THEMED)) text = text.replaceAll(stated, colour(variable));
    return JSON.parse(text);
  };

  // draws a figure, or draws it again: with other data, or in another theme
  const draw = (id, figure) => {
    const place = document.getElementById(id);
    const { data, layout } = themed(figure);
    const room = place.clientWidth < NARROW_PX ? "narrow" : "wide";
    for (const trace of data) trace.visible = (trace.meta?.only ?? room) === room;
    if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false; // a finger on a chart scrolls the page
    const isNew = !figures.has(id);
    figures.set(id, figure);
    Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
    if (isNew) {
      place.on("plotly_relayout", change => zoomAlike(place, change));
      place.on("plotly_afterplot", () => scaleInPrint(place));
      scaleInPrint(place);
    }
  };
  const drawAll = () => figures.forEach((figure, id) => draw(id, figure));

  // the charts of a group have the same axes, and keep them when one is zoomed
  let isZooming = false;
  const zoomAlike = async (place, change) => {
    const group = place.layout.meta?.group;
    if (isZooming || !group || !Object.keys(change).some(name => /^[xy]axis/.test(name))) return;
    isZooming = true;
    const alike = [...figures.keys()].map(id => document.getElementById(id));
    await Promise.all(alike.filter(one => one !== place && one.layout.meta?.group === group)
      .map(one => Plotly.relayout(one, { ...change })));
    isZooming = false;
  };

  // on paper a chart is as wide as its column, whatever the window was
  const scaleInPrint = place => {
    const { width, height } = place._fullLayout;
    place.style.setProperty("--aspect", `${width} / ${height}`);
    for (const image of place.querySelectorAll(".main-svg")) image.setAttribute("viewBox", `0 0 ${width} ${height}`);
  };

  const toggle = document.querySelector("#theme");
  const isDark = () => (root.style.colorScheme || (asksForDark.matches ? "dark" : "light")) === "dark";
  const setTheme = theme => {
    root.style.colorScheme = theme;
    if (toggle) toggle.textContent = isDark() ? "Light theme" : "Dark theme";
    drawAll();
  };
  toggle?.addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
  asksForDark.addEventListener("change", () => setTheme(root.style.colorScheme));

  // paper is white, and everything is open on it
  let before = null;
  addEventListener("beforeprint", () => {
    const closed = [...document.querySelectorAll("details:not([open])")];
    before = { theme: root.style.colorScheme, closed };
    closed.forEach(one => { one.open = true; });
    setTheme("light");
  });
  addEventListener("afterprint", () => {
    before.closed.forEach(one => { one.open = false; });
    setTheme(before.theme);
  });

  // a link to what lies in something closed opens it
  const openTarget = () => {
    for (let at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1))); at; at = at.parentElement)
      if (at.tagName === "DETAILS") at.open = true;
  };
  addEventListener("hashchange", openTarget);

  const copied = async text => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { // a page that lies on a disk may not be let at the clipboard that way
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      const isDone = document.execCommand("copy");
      field.remove();
      return isDone;
    }
  };
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.addEventListener("click", async () => {
      const isDone = await copied(document.getElementById(button.dataset.copies).textContent.trim());
      button.nextElementSibling.textContent = isDone ? "Copied." : "Not copied: select the text.";
      button.focus();
    });
  }

  for (const one of document.querySelectorAll("script[data-chart]")) draw(one.dataset.chart, one.textContent);
  setTheme("");
  openTarget();
  return { draw };
})();
