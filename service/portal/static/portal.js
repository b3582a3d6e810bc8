// Plots: each stands beside a table with the same figures, and is drawn from it.
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const HOUR_S = 3600;
  const heightOf = (place) => (JSON.parse(place.dataset.plot).series.length > 3 ? 280 : 200);
  const PAPER = 660;
  let paper = 0;
  // How the lines are told apart: by colour, and by how they are broken.
  const COLOURS = ["--kb-primary", "--kb-accent-line", "--kb-third", "--kb-fourth", "--kb-fifth", "--kb-others"];
  const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [14, 4], [4, 8]];

  // What the marks below say: hours of one day, days, or hours of several.
  function marks(moments) {
    const step = moments.length < 2 ? 0 : moments[1] - moments[0];
    const hour = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const day = { day: "numeric", month: "short" };
    if (step >= 2 * HOUR_S) return day;
    return moments.length > 36 ? { ...day, ...hour } : hour;
  }

  // Values that have none beside them, which no line shows.
  function alone(values) {
    return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
  }

  // A piece of a line for the legend, which has a plain square otherwise.
  function sample(colour, dash) {
    const [svg, line] = ["svg", "line"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
    Object.entries({ width: 28, height: 12, "aria-hidden": "true" }).forEach(([name, value]) => svg.setAttribute(name, value));
    Object.entries({ x1: 0, x2: 28, y1: 6, y2: 6, stroke: colour, "stroke-width": 2, "stroke-dasharray": dash.join(" ") }).forEach(([name, value]) => line.setAttribute(name, value));
    svg.append(line);
    return svg;
  }

  const widthOf = (place) => Math.max(200, paper || place.clientWidth);

  function draw(place) {
    const data = JSON.parse(place.dataset.plot);
    const colours = COLOURS.map(style);
    const { lang } = document.documentElement;
    const language = lang === "en" ? "en-GB" : lang;
    const moment = new Intl.DateTimeFormat(language, { timeZone: data.zone, ...marks(data.values[0]) });
    const number = new Intl.NumberFormat(language, { maximumFractionDigits: 6 });
    const told = (value) => (value == null ? "–" : number.format(value) + (data.unit ? `\u00a0${data.unit}` : ""));
    const axis = { stroke: style("--bs-secondary-color"), grid: { stroke: style("--bs-border-color"), width: 1 }, ticks: { show: false } };
    const options = {
      width: widthOf(place),
      height: heightOf(place),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.zone),
      cursor: { drag: { x: false, y: false } },
      legend: { live: true, markers: { width: 0, fill: "transparent" } },
      scales: { x: { time: true }, y: { range: (_plot, low, high) => [Math.min(0, (low ?? 0) * 1.1), high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, space: data.values[0].length > 36 ? 100 : 60, values: (_plot, marks) => marks.map((at) => moment.format(new Date(at * 1000))) },
        { ...axis, size: 64, values: (_plot, marks) => marks.map((value) => number.format(value)) },
      ],
      series: [
        { label: data.head, value: (_plot, at) => (at == null ? "–" : moment.format(new Date(at * 1000))) },
        ...data.series.map((one, index) => ({
          label: one, value: (_plot, value) => told(value), stroke: colours[index % colours.length], width: 2, dash: DASHES[index % DASHES.length],
          points: { show: false, filter: () => alone(data.values[index + 1]) },
        })),
      ],
    };
    plots.get(place)?.destroy();
    place.replaceChildren();
    const drawn = new uPlot(options, data.values, place);
    plots.set(place, drawn);
    [...drawn.root.querySelectorAll(".u-series .u-marker")].slice(-data.series.length).forEach((mark, index) => mark.replaceChildren(sample(colours[index % colours.length], DASHES[index % DASHES.length])));
    resized.observe(place);
  }

  const plots = new Map();
  const resized = new ResizeObserver((seen) => seen.forEach(({ target }) => plots.get(target).setSize({ width: widthOf(target), height: heightOf(target) })));
  const drawAll = () => document.querySelectorAll("[data-plot]").forEach(draw);
  drawAll();
  // Colours are painted into the plot: when light turns dark (theme.js) it is drawn anew.
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  // Paper is white, and narrower than most screens.
  let light;
  addEventListener("beforeprint", () => {
    light = document.documentElement.dataset.bsTheme;
    paper = PAPER;
    document.documentElement.dataset.bsTheme = "light";
    drawAll();
  });
  addEventListener("afterprint", () => {
    paper = 0;
    if (light) document.documentElement.dataset.bsTheme = light;
    else delete document.documentElement.dataset.bsTheme;
    drawAll();
  });
})();

// Where one is stands in sight, in a menu that is longer than the screen.
document.querySelector("#menu .nav-link.active")?.scrollIntoView({ block: "nearest" });

// A fault in a text leads to its line: the line is chosen, and comes into sight.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line]");
  const area = document.getElementById("source");
  if (!link || !area) return;
  event.preventDefault();
  const line = Number(link.dataset.line);
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  area.focus();
  area.setSelectionRange(start, start + lines[line - 1].length);
  area.scrollTop = (area.scrollHeight / lines.length) * Math.max(0, line - 4);
});

// A form that is opened in place: one goes on in its first field, and Escape puts back what stood there, unless something was typed.
(() => {
  const stood = new Map();
  const placeOf = (link) => document.querySelector(link.getAttribute("hx-target"));
  const linkOf = (event) => event.detail?.ctx?.sourceElement?.closest?.('a[hx-select="#form"]');

  document.addEventListener("htmx:before:swap", (event) => {
    const link = linkOf(event);
    const place = link && placeOf(link);
    if (place && !place.querySelector("#form")) stood.set(place, { link, nodes: [...place.childNodes] });
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const link = linkOf(event);
    if (link) placeOf(link)?.querySelector("#form :is(input:not([type=hidden]), select, textarea, button)")?.focus();
  });
  document.addEventListener("keydown", (event) => {
    const form = event.key === "Escape" && event.target.closest("#form");
    const place = form && form.parentElement;
    if (!stood.has(place) || [...form.querySelectorAll("input, select, textarea")].some(isTyped)) return;
    const { link, nodes } = stood.get(place);
    stood.delete(place);
    place.replaceChildren(...nodes);
    htmx.process(place);
    link.focus();
  });

  function isTyped(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (!field.options) return field.value !== field.defaultValue;
    const chosen = [...field.options].findIndex((one) => one.defaultSelected);
    return field.multiple ? [...field.options].some((one) => one.selected !== one.defaultSelected) : field.selectedIndex !== Math.max(0, chosen);
  }
})();
