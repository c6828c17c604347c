// The picture: WeChat, front, switch and the banks, between which messages
// pass, and the list of them.

import { $, $$, clock, el, still, svg } from './dom.js';

const legs = {
  'wechat-front': { name: '微信 ↔ 前置', en: 'WeChat – front' },
  'front-switch': { name: '前置 ↔ 中心', en: 'front – switch' },
  'switch-bank': { name: '中心 ↔ 成员行', en: 'switch – bank' },
};

const step = 350; // ms a message takes from node to node
const many = 6; // waiting messages from which on they go faster
const tooMany = 16; // and from which on they are not shown moving
const kept = 200;

const wide = 600;
const box = { w: 104, h: 84 };
const bankBox = { w: 122, h: 56 };
const column = { wechat: 56, front: 206, switch: 356, bank: 536 };

export class Hops {
  #queue = [];
  #last = 0;
  #moving = false;
  #began = false;
  #banks = [];
  #hidden = new Set(); // legs that the list leaves out

  constructor(sim) {
    this.list = $('#hops');
    sim.on('state', (s) => this.show(s));
    sim.on('hop', (h) => this.take(h));
    this.#switches();
  }

  // ---- the picture ----

  show(state) {
    const banks = banksOf(state);
    if (JSON.stringify(banks) !== JSON.stringify(this.#banks)) this.#draw(banks);
    this.#faults(state.faults ?? {});
    const missed = (state.hops ?? []).filter((h) => h.seq > this.#last);
    if (this.#began) { missed.forEach((h) => this.take(h)); return; }
    this.#began = true; // what was before is only listed
    for (const h of missed) { this.#last = h.seq; this.#write(h); }
  }

  #draw(banks) {
    this.#banks = banks;
    const high = Math.max(150, banks.length * (bankBox.h + 18) + 26);
    const mid = high / 2;
    this.nodes = new Map();
    const root = svg('svg', { class: 'picture', viewBox: `0 0 ${wide} ${high}`, role: 'img', 'aria-label': '报文经过：微信、前置、中心、成员行' });
    const lanes = svg('g', { class: 'lanes' });
    const node = (id, ...a) => { const n = drawNode(...a); this.nodes.set(id, n); return n; };
    const drawn = [
      node('wechat', column.wechat, mid, box, 'chat', '微信', 'WeChat 模拟'),
      node('front', column.front, mid, box, 'page', '前置', 'front'),
      node('switch', column.switch, mid, box, 'switch', '中心', 'switch'),
      ...banks.map((b, i) => node(b.id, column.bank, (high / (banks.length * 2)) * (2 * i + 1), bankBox, 'bank', b.name, '成员行 模拟')),
    ];
    this.paths = new Map();
    const lane = (key, cls, from, to, d) => {
      for (const [dir, off] of [['right', -6], ['left', 6]]) {
        const path = svg('path', { class: `lane ${cls}`, d: d(off) });
        this.paths.set(key + '/' + dir, { path, from, to, cls });
        lanes.append(path);
      }
    };
    lane('wechat-front', 'leg-wechat-front', 'wechat', 'front', (o) => `M${column.wechat + box.w / 2} ${mid + o}H${column.front - box.w / 2}`);
    lane('front-switch', 'leg-front-switch', 'front', 'switch', (o) => `M${column.front + box.w / 2} ${mid + o}H${column.switch - box.w / 2}`);
    banks.forEach((b, i) => {
      const y = (high / (banks.length * 2)) * (2 * i + 1);
      const [x1, x2] = [column.switch + box.w / 2, column.bank - bankBox.w / 2];
      lane('switch-bank/' + b.id, 'leg-switch-bank', 'switch', b.id, (o) => `M${x1} ${mid + o}C${x1 + 34} ${mid + o} ${x2 - 34} ${y + o} ${x2} ${y + o}`);
    });
    this.pulse = svg('g', { class: 'pulse', visibility: 'hidden' }, svg('circle', { r: 11, class: 'pulse-glow' }), svg('circle', { r: 5 }), svg('text', { y: -13, 'text-anchor': 'middle' }));
    root.append(lanes, ...drawn, this.pulse);
    $('#picture').replaceChildren(root);
  }

  // What is out of order is marked where it is.
  #faults(f) {
    const marks = { front: { slow: '慢', silent: '不答' }[f.front], wechat: f.blocked ? '已拉黑' : f.quota ? '额度用完' : f.errcode && f.errcode_count ? 'errcode ' + f.errcode : '' };
    const kinds = { decline: '拒绝', delay: '延迟', silence: '沉默', late: '迟答', down: '停机' };
    for (const b of this.#banks) marks[b.id] = kinds[f.bank?.[b.id]];
    for (const [id, mark] of Object.entries(marks)) {
      const node = this.nodes.get(id);
      if (!node) continue;
      node.classList.toggle('faulty', Boolean(mark));
      $('.node-mark text', node).textContent = mark || '';
    }
  }

  // ---- messages on their way ----

  take(h) {
    if (h.seq && h.seq <= this.#last) return;
    this.#last = h.seq ?? this.#last;
    this.#queue.push(h);
    if (!this.#moving) this.#go();
  }

  async #go() {
    this.#moving = true;
    while (this.#queue.length > 0) {
      const h = this.#queue.shift();
      const waiting = this.#queue.length;
      this.#write(h);
      if (document.hidden || waiting > tooMany) { this.#light(h, 200); continue; }
      await this.#move(h, waiting > many ? step / 4 : step);
    }
    this.#moving = false;
  }

  #lane(h) {
    const key = h.leg === 'switch-bank' ? `switch-bank/${h.bank}` : h.leg;
    return this.paths?.get(key + '/' + (h.dir === 'left' ? 'left' : 'right'));
  }

  async #move(h, ms) {
    const lane = this.#lane(h);
    if (!lane) return;
    this.#light(h, ms + 260);
    if (!still.matches) await this.#travel(h, lane, ms);
    else await new Promise((done) => setTimeout(done, ms / 2));
    this.#arrive(lane, h);
  }

  #light(h, ms) {
    const lane = this.#lane(h);
    if (!lane) return;
    lane.path.classList.add('lit');
    clearTimeout(lane.dark);
    lane.dark = setTimeout(() => lane.path.classList.remove('lit'), ms);
  }

  #travel(h, lane, ms) {
    const length = lane.path.getTotalLength();
    const begun = performance.now();
    this.pulse.setAttribute('class', `pulse ${lane.cls}` + (h.ok === false ? ' bad' : ''));
    $('text', this.pulse).textContent = /\b0\d{3}\b/.exec(h.title)?.[0] ?? '';
    this.pulse.setAttribute('visibility', 'visible');
    return new Promise((done) => {
      const frame = (now) => {
        const t = Math.min(1, (now - begun) / ms);
        const eased = t < 0.5 ? 2 * t * t : 1 - (2 - 2 * t) ** 2 / 2;
        const at = lane.path.getPointAtLength(length * (h.dir === 'left' ? 1 - eased : eased));
        this.pulse.setAttribute('transform', `translate(${at.x} ${at.y})`);
        if (t < 1 && !document.hidden) { requestAnimationFrame(frame); return; }
        this.pulse.setAttribute('visibility', 'hidden');
        done();
      };
      requestAnimationFrame(frame);
      setTimeout(done, ms + 400); // a page that is not shown gets no frames
    });
  }

  #arrive(lane, h) {
    const node = this.nodes.get(h.dir === 'left' ? lane.from : lane.to);
    node.classList.toggle('bad', h.ok === false);
    node.classList.add('lit');
    clearTimeout(node.dark);
    node.dark = setTimeout(() => node.classList.remove('lit', 'bad'), 600);
  }

  // ---- the list ----

  #write(h) {
    const [main, ...rest] = String(h.title).split(' · ');
    const arrow = h.dir === 'left' ? '←' : '→';
    const bank = this.#banks.find((b) => b.id === h.bank)?.name;
    const head = [
      el('time', { text: clock(h.at, true) }),
      el('span', { class: 'hop-way ' + 'leg-' + h.leg, text: ends(h.leg, bank)[0] + ' ' + arrow + ' ' + ends(h.leg, bank)[1] }),
      el('span', { class: 'hop-title', text: main }), rest.length > 0 && el('span', { class: 'hop-more', text: rest.join(' · ') }),
      h.ok === false && el('span', { class: 'hop-bad', text: '✕', 'aria-label': '失败' }),
    ];
    const item = el('li', { class: 'hop', data: { leg: h.leg }, hidden: this.#hidden.has(h.leg) },
      h.lines?.length ? el('details', {}, el('summary', {}, ...head), el('pre', { text: h.lines.join('\n'), tabindex: 0 })) : el('div', { class: 'hop-line' }, ...head));
    if (!still.matches) item.classList.add('new');
    this.list.prepend(item);
    while (this.list.childElementCount > kept) this.list.lastElementChild.remove();
  }

  #switches() {
    $('#legs').append(...Object.entries(legs).map(([leg, { name, en }]) => el('button', {
      class: 'leg-switch leg-' + leg, type: 'button', 'aria-pressed': 'true', title: en, text: name,
      onclick: (e) => this.#toggle(leg, e.currentTarget),
    })));
  }

  #toggle(leg, button) {
    const hide = !this.#hidden.has(leg);
    hide ? this.#hidden.add(leg) : this.#hidden.delete(leg);
    button.setAttribute('aria-pressed', !hide);
    for (const item of $$('.hop', this.list)) item.hidden = this.#hidden.has(item.dataset.leg);
  }

  // ---- a wait that can be seen ----

  /** wait shows a bar that fills in ms, of which gone are past. */
  wait(text, en, ms, gone = 0) {
    const bar = el('span', { class: 'wait-bar' }, el('span', { class: 'wait-fill' }));
    const left = el('span', { class: 'wait-left' });
    $('#waiting').replaceChildren(el('p', {}, text, ' ', el('span', { class: 'en', text: en }), left), bar);
    const begun = performance.now() - gone;
    clearInterval(this.ticking);
    const tick = () => {
      const past = performance.now() - begun;
      bar.firstElementChild.style.setProperty('--part', Math.min(1, past / ms).toFixed(3));
      left.textContent = past < ms ? ` ${((ms - past) / 1000).toFixed(1)} s` : ' …';
    };
    tick();
    this.ticking = setInterval(tick, 100);
    this.nodes?.get('switch')?.classList.add('holding');
  }

  waited() {
    clearInterval(this.ticking);
    $('#waiting').replaceChildren();
    this.nodes?.get('switch')?.classList.remove('holding');
  }
}

function ends(leg, bank) {
  return { 'wechat-front': ['微信', '前置'], 'front-switch': ['前置', '中心'], 'switch-bank': ['中心', bank ?? '成员行'] }[leg] ?? ['', ''];
}

/** banksOf lists the banks that a state knows. */
export function banksOf(state) {
  const names = new Map((state.person?.accounts ?? []).map((a) => [a.bank, a.bank_name ?? a.bank]));
  for (const b of state.banks ?? []) names.set(b.id, b.name ?? b.title ?? b.id);
  for (const id of Object.keys(state.faults?.bank ?? {})) if (!names.has(id)) names.set(id, id);
  return [...names].map(([id, name]) => ({ id, name }));
}

function drawNode(x, y, size, picture, name, en) {
  const { w, h } = size;
  const small = h < 60;
  const inside = small
    ? [svg('use', { href: '#i-' + picture, x: -w / 2 + 10, y: -11, width: 22, height: 22, class: 'icon' }),
      svg('text', { class: 'node-name small', x: -w / 2 + 40, y: -2, 'text-length': 70 }, name), svg('text', { class: 'node-en', x: -w / 2 + 40, y: 14 }, en)]
    : [svg('use', { href: '#i-' + picture, x: -13, y: -h / 2 + 10, width: 26, height: 26, class: 'icon' }),
      svg('text', { class: 'node-name', y: 15, 'text-anchor': 'middle' }, name), svg('text', { class: 'node-en', y: 31, 'text-anchor': 'middle' }, en)];
  const g = svg('g', { class: 'node', transform: `translate(${x} ${y})` },
    svg('rect', { class: 'node-box', x: -w / 2, y: -h / 2, width: w, height: h, rx: 14 }), ...inside,
    svg('g', { class: 'node-mark', transform: `translate(0 ${-h / 2})` }, svg('rect', { x: -38, y: -10, width: 76, height: 20, rx: 10 }), svg('text', { y: 4, 'text-anchor': 'middle' })));
  return g;
}
