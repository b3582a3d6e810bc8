// Plots: each stands beside a table with the same figures, and is drawn from it.
(() => {
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function draw(place) {
    const data = JSON.parse(place.dataset.plot);
    const colours = [style("--kb-primary"), style("--kb-accent-line"), style("--kb-third")];
    const axis = { stroke: style("--bs-secondary-color"), grid: { stroke: style("--bs-border-color"), width: 1 }, ticks: { show: false } };
    const options = {
      width: Math.max(200, place.clientWidth),
      height: 200,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), data.zone),
      cursor: { drag: { x: false, y: false } },
      legend: { live: true },
      scales: { x: { time: true }, y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 0) * 1.1)] } },
      axes: [axis, { ...axis, size: 56 }],
      series: [
        { value: (_plot, at) => (at == null ? "–" : new Date(at * 1000).toLocaleString(document.documentElement.lang, { timeZone: data.zone })) },
        ...data.series.map((one, index) => ({
          label: one, stroke: colours[index % 3], width: 2, points: { show: data.values[0].length < 2 },
          dash: index === 1 ? [6, 3] : index === 2 ? [2, 3] : [],
        })),
      ],
    };
    place.replaceChildren();
    const plot = new uPlot(options, data.values, place);
    new ResizeObserver(() => plot.setSize({ width: Math.max(200, place.clientWidth), height: 200 })).observe(place);
  }

  const drawAll = (within) => within.querySelectorAll("[data-plot]").forEach((place) => {
    if (!place.dataset.drawn) { place.dataset.drawn = "yes"; draw(place); }
  });
  drawAll(document);
})();
