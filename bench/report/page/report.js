"use strict";
(() => {
  const configurations = JSON.parse(document.getElementById("configurations").textContent);

  const value = (body, column) => {
    const text = body.rows[0].cells[column].dataset.value;
    if (text === undefined || text === "") return null;
    return Number.isNaN(Number(text)) ? text : Number(text);
  };

  // Rows without a number stay at the end, whichever way the others go.
  const sort = (table, column, descending) => {
    const bodies = [...table.tBodies];
    const keyed = bodies.map((body, place) => ({ body, place, key: value(body, column) }));
    keyed.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
      const order = typeof a.key === "number" && typeof b.key === "number"
        ? a.key - b.key : String(a.key).localeCompare(String(b.key));
      return (descending ? -order : order) || a.place - b.place;
    });
    table.append(...keyed.map(({ body }) => body));
  };

  const sortable = (table) => {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.firstElementChild.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.setAttribute("aria-sort", "none"));
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
    });
  };

  const filterable = (form, table) => {
    const apply = () => {
      let shown = 0;
      for (const body of table.tBodies) {
        const fits = [...form.elements].every((field) => {
          if (!field.name || !field.value) return true;
          if (field.name === "text") return body.dataset.search.toLowerCase().includes(field.value.toLowerCase());
          return body.getAttribute("data-" + field.name.replaceAll(" ", "-")) === field.value;
        });
        body.hidden = !fits;
        shown += fits;
      }
      form.querySelector(".count").textContent = `${shown} of ${table.tBodies.length} rows`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  };

  const openable = (table) => {
    for (const button of table.querySelectorAll("button.open")) {
      button.addEventListener("click", () => {
        const open = button.getAttribute("aria-expanded") === "true";
        button.setAttribute("aria-expanded", String(!open));
        document.getElementById(button.getAttribute("aria-controls")).hidden = open;
      });
    }
  };

  const row = (...texts) => {
    const line = document.createElement("tr");
    for (const text of texts) {
      const cell = document.createElement("td");
      cell.textContent = text;
      line.append(cell);
    }
    return line;
  };

  const comparable = (part) => {
    const [first, second] = ["first", "second"].map((name) => part.querySelector("select." + name));
    const apply = () => {
      const one = configurations[first.value], other = configurations[second.value];
      const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
      const lines = keys.filter((key) => one[key] !== other[key])
        .map((key) => row(key, one[key] ?? "–", other[key] ?? "–"));
      part.querySelector(".differences").replaceChildren(...(lines.length ? lines : [row("the same configuration", "", "")]));
    };
    first.addEventListener("change", apply);
    second.addEventListener("change", apply);
    apply();
  };

  for (const part of document.querySelectorAll(".system")) {
    const table = part.querySelector("table.board");
    sortable(table);
    openable(table);
    filterable(part.querySelector(".filters"), table);
    part.querySelectorAll(".compare").forEach(comparable);
  }
})();
