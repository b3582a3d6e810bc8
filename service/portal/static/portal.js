// Plots: each stands beside a table with the same figures, and is drawn from it.
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function draw(place) {
    const data = JSON.parse(place.dataset.plot);
    const colours = [style("--kb-primary"), style("--kb-accent-line"), style("--kb-third")];
    const language = document.documentElement.lang;
    const hours = data.values[0].length < 2 || data.values[0][1] - data.values[0][0] < 7200;
    const moment = new Intl.DateTimeFormat(language, { timeZone: data.zone, ...(hours ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : { day: "numeric", month: "short" }) });
    const number = new Intl.NumberFormat(language, { maximumFractionDigits: 6 });
    const axis = { stroke: style("--bs-secondary-color"), grid: { stroke: style("--bs-border-color"), width: 1 }, ticks: { show: false } };
    const options = {
      width: Math.max(200, place.clientWidth),
      height: 200,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.zone),
      cursor: { drag: { x: false, y: false } },
      legend: { live: true },
      scales: { x: { time: true }, y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 0) * 1.1)] } },
      axes: [
        { ...axis, space: 60, values: (_plot, marks) => marks.map((at) => moment.format(new Date(at * 1000))) },
        { ...axis, size: 64, values: (_plot, marks) => marks.map((value) => number.format(value)) },
      ],
      series: [
        { label: data.head, value: (_plot, at) => (at == null ? "–" : moment.format(new Date(at * 1000))) },
        ...data.series.map((one, index) => ({
          label: one, value: (_plot, value) => (value == null ? "–" : number.format(value)), stroke: colours[index % 3], width: 2, points: { show: data.values[0].length < 2 },
          dash: index === 1 ? [6, 3] : index === 2 ? [2, 3] : [],
        })),
      ],
    };
    plots.get(place)?.destroy();
    plots.set(place, new uPlot(options, data.values, place));
    resized.observe(place);
  }

  const plots = new Map();
  const resized = new ResizeObserver((seen) => seen.forEach(({ target }) => plots.get(target).setSize({ width: Math.max(200, target.clientWidth), height: 200 })));
  const drawAll = () => document.querySelectorAll("[data-plot]").forEach(draw);
  drawAll();
  // Colours are painted into the plot: when light turns dark (theme.js) it is drawn anew.
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
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
