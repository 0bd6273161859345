"use strict";
// Draws every chart of a page from the JSON beside it. A page without this file, or a browser without JavaScript,
// shows the same figures in its tables.
(() => {
  const places = document.querySelectorAll("[data-chart]");
  if (!places.length) return;
  // Plotly's maps bring a style element along, which our policy forbids, unless something of this name is there.
  const maps = document.createElement("meta");
  maps.id = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";
  document.head.append(maps);
  const plotly = document.createElement("script");
  plotly.src = document.currentScript.dataset.plotly;
  plotly.addEventListener("load", () => {
    for (const place of places) {
      const figure = JSON.parse(document.getElementById(place.dataset.chart).textContent);
      place.hidden = false;
      window.Plotly.newPlot(place, figure.data, figure.layout, { displayModeBar: false, responsive: true });
    }
    // Paper is narrower than most screens; what is drawn does not follow by itself.
    addEventListener("beforeprint", () => fit({ width: 660, autosize: false }));
    addEventListener("afterprint", () => fit({ width: null, autosize: true }));
  });
  function fit(size) {
    for (const place of places) window.Plotly.relayout(place, size);
  }
  document.head.append(plotly);
})();
