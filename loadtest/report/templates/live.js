// A page that grows with its bench: events come in, charts and a table are drawn, and at the end the report takes over.
"use strict";
{
  const SILENT_TRIES_MAX = 10; // connections that fail one after the other, until the bench counts as gone
  const at = id => document.getElementById(id);
  const made = (name, text = "", kind = "") => {
    const one = document.createElement(name);
    one.textContent = text;
    if (kind) one.className = kind;
    return one;
  };
  const figures = new Map(); // of all charts, by the ids of their places
  let growing = null; // the course of the run that is on
  let latest = null, isFinished = false, tries = 0, source = null;

  const place = one => {
    const course = at("course").content.cloneNode(true);
    course.querySelector(".chip").style.background = one.colour;
    course.querySelector(".name").textContent = one.name;
    const plot = course.querySelector(".plot");
    plot.id = one.id;
    plot.style.height = `${one.height_px}px`;
    plot.setAttribute("aria-label", one.label);
    at("charts").append(course);
  };

  // a course as the report draws it: a level for each bin, whose both ends are points
  const fill = (figure, course) => {
    const { bin_s, reads, p50, p99 } = course;
    const steps = values => values.flatMap(value => [value, value]);
    const edges = reads.flatMap((_, bin) => [bin * bin_s, (bin + 1) * bin_s]);
    for (const trace of figure.data) {
      if (trace.name === "origin reads") Object.assign(trace, { x: undefined, x0: 0, dx: bin_s, y: [...reads, ...reads.slice(-1)] });
      if (trace.name === "p50") Object.assign(trace, { x: edges, y: steps(p50) });
      if (trace.name === "p99") Object.assign(trace, { x: edges, y: steps(p99) });
    }
  };

  const drawn = new Map(); // what each chart shows, so that nothing is drawn again that has not changed
  const draw = () => {
    if (document.hidden || latest === null) return;
    for (const [id, text] of figures) {
      const isOn = growing !== null && id === growing.id;
      const state = JSON.stringify([latest.ranges, isOn && growing]);
      if (drawn.get(id) === state) continue;
      drawn.set(id, state);
      const figure = JSON.parse(text);
      for (const [axis, range] of Object.entries(latest.ranges)) figure.layout[axis].range = range;
      if (isOn && growing.reads.length) fill(figure, growing);
      lab.draw(id, JSON.stringify(figure));
    }
  };

  const show = state => {
    at("now").textContent = state.now.head;
    at("left").textContent = state.now.told;
    at("part").value = state.now.part;
    at("headings").replaceChildren(...["strategy", ...state.table.headings].map(text => {
      const heading = made("th", text);
      heading.scope = "col";
      return heading;
    }));
    at("lines").replaceChildren(...state.table.lines.map(line => {
      const row = made("tr", "", [line.is_bad && "bad", line.kind === "on" && "on", line.kind === "to come" && "coming"]
        .filter(Boolean).join(" "));
      const head = made("th");
      head.scope = "row";
      const chip = made("span", "", "chip");
      chip.style.background = line.colour;
      head.append(chip, line.name);
      if (line.state) head.append(" ", made("small", line.state));
      if (line.note) head.append(" ", made("em", line.note));
      row.append(head, ...(line.cells ?? state.table.headings.map(() => "")).map(text => made("td", text)));
      return row;
    }));
    at("incidents").replaceChildren(...state.incidents.map(one => made("li", one.text, one.kind)));
    [...at("charts").querySelectorAll(".course > p")].forEach((one, number) => { one.textContent = state.told[number]; });
  };

  const onFigure = state => {
    document.title = at("title").textContent = state.title;
    at("brief").textContent = state.brief;
    at("sentence").textContent = state.sentence;
    const columns = Math.ceil(state.strategies.length / Math.ceil(state.strategies.length / 6));
    at("charts").style.setProperty("--columns", columns);
    for (const one of state.strategies) {
      if (!figures.has(one.id)) place(one);
      figures.set(one.id, one.figure);
    }
    drawn.clear();
    growing = null; // the next event has all of it
  };

  const onGrown = state => {
    const gained = state.course;
    if (gained !== null) {
      const id = `course-${gained.place}`;
      if (growing === null || growing.id !== id) growing = { id, bin_s: gained.bin_s, reads: [], p50: [], p99: [] };
      if (gained.from > growing.reads.length) return connect(); // events are missing: a new viewer gets everything
      growing.bin_s = gained.bin_s;
      for (const name of ["reads", "p50", "p99"]) growing[name].splice(gained.from, Infinity, ...gained[name]);
    }
    latest = state;
    show(state);
    draw();
  };

  const tell = text => { at("trouble").textContent = text; };

  // the report takes this page's place while its server is still there
  const onFinished = async ({ report }) => {
    isFinished = true;
    if (report === null) {
      source.close();
      at("now").textContent = "The bench has ended";
      at("left").textContent = "There is no report: its terminal says why.";
      return;
    }
    try {
      const answer = await fetch("report.html");
      if (!answer.ok) throw new Error(`${answer.status}`);
      const note = made("p", `The bench has ended. This is ${report}: the page's server is gone, and a reload needs that file.`,
        "scenario").outerHTML;
      const page = (await answer.text()).replace("</header>", () => `${note}</header>`);
      source.close();
      location.replace(URL.createObjectURL(new Blob([page], { type: "text/html" })));
    } catch (error) {
      source.close();
      at("now").textContent = "The bench has ended";
      tell(`The report could not be loaded (${error.message}). It is the file ${report}.`);
    }
  };

  const connect = () => {
    source?.close();
    source = new EventSource("events");
    const on = (name, take) => source.addEventListener(name, event => {
      tries = 0;
      tell("");
      take(JSON.parse(event.data));
    });
    on("figure", onFigure);
    on("grown", onGrown);
    on("finished", onFinished);
    source.onerror = () => {
      if (isFinished) return;
      tries += 1;
      tell(tries < SILENT_TRIES_MAX && source.readyState !== EventSource.CLOSED
        ? "The bench does not answer at the moment: what was drawn is the latest that is known."
        : "The bench is gone, and left no report: what was drawn is the latest that is known.");
      if (tries >= SILENT_TRIES_MAX) source.close();
    };
  };
  document.addEventListener("visibilitychange", draw);
  connect();
}
