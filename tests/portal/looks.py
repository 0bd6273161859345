"""What is wrong with how an open page looks: too broad, texts on each other, figures that do not stand at the right."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE = {"width": 390, "height": 844}
# A4 upright with margins of 12 mm, at the 96 dots an inch that browsers lay print out for.
PAPER = {"width": 703, "height": 1032}
# Lines of text may touch; a letter's box is somewhat higher than its ink.
_SLACK_PX = 3

_SIDEWAYS = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const beyond = [...document.querySelectorAll("body *")]
      .filter(one => !one.closest(".scroll") && one.getBoundingClientRect().right > room + 1);
  return [`moves sideways: ${document.documentElement.scrollWidth} px of ${room}, ${told(beyond.at(-1))}`];
}"""
# What is in a box that scrolls by itself is cut by it on a screen and is let out in print.
_OVERLAPS = """slack => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), boxes = [];
  for (let node; (node = walker.nextNode());) {
    const one = node.parentElement;
    if (!node.data.trim() || isTurned(one)) continue;
    if (one.closest("script, style, title, desc, option, .unseen, .skip")) continue;
    if (!one.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const seen = cut(box, one);
      if (seen.right - seen.left > slack && seen.bottom - seen.top > slack) boxes.push([seen, one, node.data.trim()]);
    }
  }
  boxes.sort((one, other) => one[0].top - other[0].top);
  const found = [];
  boxes.forEach(([box, one, words], at) => {
    for (let next = at + 1; next < boxes.length && boxes[next][0].top < box.bottom - slack; next++) {
      const [other, element, text] = boxes[next];
      const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
      const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
      if (one !== element && wide > slack && high > slack) found.push(`“${words}” lies on “${text}”`);
    }
  });
  return found.slice(0, 5);

  function isTurned(element) {
    return element instanceof SVGGraphicsElement && Math.abs(element.getScreenCTM().b) > 0.01;
  }

  function cut(box, element) {
    let {left, right, top, bottom} = box;
    for (let one = element; one && one !== document.body; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.clipPath !== "none") return {left, right: left, top, bottom: top};
      if (style.overflowX === "visible" || one instanceof SVGElement) continue;
      const frame = one.getBoundingClientRect();
      [left, right] = [Math.max(left, frame.left), Math.min(right, frame.right)];
      [top, bottom] = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
    }
    return {left, right, top, bottom};
  }
}"""
_TOLD = 'function told(one) { return one ? `${one.tagName} “${one.textContent.trim().slice(0, 40)}”` : "" }'
_CUT = """() => {
  const room = document.documentElement.clientWidth;
  const boxes = [...document.querySelectorAll("main table, main svg, main img, main .chart, main pre")]
      .filter(one => one.checkVisibility());
  return boxes.filter(one => one.getBoundingClientRect().right > room + 1).map(one => `leaves the paper: ${told(one)}`)
      .slice(0, 5);
}"""


# Numbers that name something are no figures: they stand in code, in a link, among times or at the head of a row.
_RAGGED = """() => {
  const figure = /^[+−-]?\\d[\\d,]*(\\.\\d+)?( ?%)?$/, found = [];
  for (const table of document.querySelectorAll("main table")) {
    const columns = [];
    for (const row of table.tBodies[0]?.rows ?? [])
      [...row.cells].forEach((cell, at) => (columns[at] ??= []).push(cell));
    columns.forEach((cells, at) => {
      const filled = cells.filter(one => !["", "–"].includes(one.textContent.trim()));
      const isOfFigures = filled.length && filled.every(one => figure.test(one.textContent.trim()));
      if (!isOfFigures || filled.some(isName)) return;
      const head = table.tHead?.rows[0].cells[at];
      const ragged = [head, ...filled].filter(one => one && getComputedStyle(one).textAlign !== "right");
      if (ragged.length) found.push(`figures do not stand at the right: ${told(head ?? ragged[0])}`);
    });
  }
  return found;

  function isName(cell) {
    return cell.tagName === "TH" || cell.className === "when" || cell.querySelector("code, a");
  }
}"""


def faults(page: "Page") -> list[str]:
    """Return what is wrong with the open page, also on a telephone and in print, and leave it as it was."""
    size = page.viewport_size
    found = _ask(page, _RAGGED)
    found += [f"on a telephone: {one}" for one in on_phone(page)]
    found += [f"in print: {one}" for one in on_paper(page)]
    page.emulate_media(media="null")
    if size:
        page.set_viewport_size(size)
    return found


def on_phone(page: "Page") -> list[str]:
    """Return what is wrong with the open page on a telephone, and leave it that narrow."""
    page.emulate_media(media="screen")
    page.set_viewport_size(PHONE)
    return _ask(page, _SIDEWAYS) + page.evaluate(_OVERLAPS, _SLACK_PX)


def on_paper(page: "Page") -> list[str]:
    """Return what is wrong with the open page in print, and leave it as it would be printed."""
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    return _ask(page, _CUT) + page.evaluate(_OVERLAPS, _SLACK_PX)


def _ask(page: "Page", question: str) -> list[str]:
    return page.evaluate(f"() => {{ {_TOLD}; return ({question})(); }}")
