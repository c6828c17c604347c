// Small helpers to build the page.

const SVG = 'http://www.w3.org/2000/svg';

/** el makes an element: attributes by name, on… are listeners, class, text and dataset as one expects. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** svg makes an element of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'text') node.textContent = value;
    else if (name === 'data') Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c && (c instanceof Node || typeof c === 'string'))); // of "none.length && …" nothing shows
  return node;
}

/** icon uses a drawing of index.html. */
export function icon(name, cls = 'icon') {
  return svg('svg', { class: cls, 'aria-hidden': 'true' }, svg('use', { href: '#i-' + name }));
}

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export const still = matchMedia('(prefers-reduced-motion: reduce)');

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const shanghai = { timeZone: 'Asia/Shanghai', hourCycle: 'h23', hour: '2-digit', minute: '2-digit' };
const short = new Intl.DateTimeFormat('zh-CN', shanghai);
const long = new Intl.DateTimeFormat('zh-CN', { ...shanghai, second: '2-digit' });

/** clock writes 15:04, or 15:04:05 with seconds, as clocks in the bank's town show it. */
export function clock(at, seconds = false) {
  return (seconds ? long : short).format(at ? new Date(at) : new Date());
}

/** words returns the nodes of a chat text: its letters, and of its elements only links. */
export function words(html, open) {
  const parsed = new DOMParser().parseFromString(html ?? '', 'text/html').body;
  const out = [];
  const walk = (node) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) out.push(child.data);
      else if (child.nodeName === 'BR') out.push('\n');
      else if (child.nodeName === 'A' && /^https?:\/\//.test(child.getAttribute('href') ?? '')) {
        const url = child.getAttribute('href');
        out.push(el('a', { href: url, text: child.textContent, onclick: (e) => { e.preventDefault(); open(url); } }));
      } else walk(child);
    }
  };
  walk(parsed);
  return out;
}

/** covered keeps focus out of the chat while something lies over it. */
export function covered() {
  $('#chat').inert = ['profile', 'browser', 'map'].some((id) => !$('#' + id).hidden);
}
