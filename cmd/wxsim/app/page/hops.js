// The picture: WeChat, front, switch and the banks, between which messages
// pass, and the list of them.

import { $, $$, clock, el, still, svg } from './dom.js';

const legs = {
  'wechat-front': { name: '微信↔前置', en: 'WeChat – front' },
  'front-switch': { name: '前置↔中心', en: 'front – switch' },
  'switch-bank': { name: '中心↔成员行', en: 'switch – bank' },
};

const step = 350; // ms a message takes from node to node
const many = 6; // waiting messages from which on they go faster
const tooMany = 16; // and from which on they are not shown moving
const kept = 200;

// The picture's measures: x of the columns' middles, and boxes.
const wide = { w: 780, x: [62, 262, 462, 694], box: { w: 116, h: 78 }, bank: { w: 164, h: 52 } };
const middle = { w: 560, x: [48, 186, 324, 484], box: { w: 92, h: 78 }, bank: { w: 148, h: 52 } };
const narrow = { w: 420, x: [38, 142, 246, 362], box: { w: 72, h: 84 }, bank: { w: 112, h: 52 } };

export class Hops {
  #queue = [];
  #last = 0;
  #moving = false;
  #began = false;
  #state = null;
  #banks = [];
  #hidden = new Set(); // legs that the list leaves out

  constructor(sim) {
    this.list = $('#hops');
    this.#resized();
    addEventListener('resize', () => this.#resized());
    sim.on('state', (s) => this.show(s));
    sim.on('hop', (h) => this.take(h));
    this.#switches();
  }

  // ---- the picture ----

  show(state) {
    this.#state = state;
    const banks = banksOf(state);
    if (JSON.stringify(banks) !== JSON.stringify(this.#banks)) this.#draw(banks);
    this.#faults(state.faults ?? {});
    const missed = (state.hops ?? []).filter((h) => h.seq > this.#last);
    if (this.#began) { missed.forEach((h) => this.take(h)); return; }
    this.#began = true; // what was before is only listed
    for (const h of missed) { this.#last = h.seq; this.#write(h); }
  }

  // Another width may ask for another picture.
  #resized() {
    const room = $('#picture').clientWidth;
    const m = room < 470 ? narrow : room < 680 ? middle : wide;
    if (m !== this.measures) { this.measures = m; this.#draw(this.#banks); }
  }

  #draw(banks) {
    this.#banks = banks;
    const { w, x: [x1, x2, x3, x4], box, bank } = this.measures;
    const high = Math.max(box.h + 36, banks.length * (bank.h + 14) + 8);
    const mid = high / 2;
    const at = (i) => (high / (banks.length * 2)) * (2 * i + 1);
    const slim = this.measures === narrow;
    this.nodes = new Map();
    const node = (id, x, y, size, ...look) => { this.nodes.set(id, drawNode(x, y, size, slim, ...look)); };
    node('wechat', x1, mid, box, 'chat', '微信', false);
    node('front', x2, mid, box, 'page', '前置', true);
    node('switch', x3, mid, box, 'switch', '中心', true);
    banks.forEach((b, i) => node(b.id, x4, at(i), bank, 'bank', b.name, false));
    this.lanes = new Map();
    const half = box.w / 2;
    this.#lay('wechat-front', 'wechat', 'front', [x1 + half, mid], [x2 - half, mid]);
    this.#lay('front-switch', 'front', 'switch', [x2 + half, mid], [x3 - half, mid]);
    banks.forEach((b, i) => this.#lay('switch-bank', 'switch', b.id, [x3 + half, mid], [x4 - bank.w / 2, at(i)]));
    this.pulse = svg('g', { class: 'pulse', visibility: 'hidden' }, svg('circle', { r: 11, class: 'pulse-glow' }), svg('circle', { r: 5 }), svg('text', { y: -13, 'text-anchor': 'middle' }));
    $('#picture').replaceChildren(svg('svg', { class: 'picture' + (slim ? ' slim' : ''), viewBox: `0 0 ${w} ${high}`, role: 'img', 'aria-label': '微信、前置、中心、成员行' },
      ...[...this.lanes.values()].map((l) => l.path), ...this.nodes.values(), this.pulse));
    if (this.#state) this.#faults(this.#state.faults ?? {});
  }

  // Two lanes between two nodes, one for each direction.
  #lay(leg, from, to, [ax, ay], [bx, by]) {
    const bend = (bx - ax) / 2;
    for (const [dir, off] of [['right', -6], ['left', 6]]) {
      const path = svg('path', { class: `lane leg-${leg}`, d: `M${ax} ${ay + off}C${ax + bend} ${ay + off} ${bx - bend} ${by + off} ${bx} ${by + off}` });
      this.lanes.set([leg, leg === 'switch-bank' ? to : '', dir].join('/'), { path, from, to, leg });
    }
  }

  // What is out of order is marked where it is.
  #faults(f) {
    const marks = { front: { slow: '慢', silent: '不答' }[f.front], wechat: f.blocked ? '拒收' : f.undelivered ? '送达失败' : f.snapshot ? '快照页' : f.quota ? '额度用完' : f.errcode && f.errcode_count ? 'errcode ' + f.errcode : '' };
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
    return this.lanes?.get([h.leg, h.leg === 'switch-bank' ? h.bank : '', h.dir === 'left' ? 'left' : 'right'].join('/'));
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
    this.pulse.setAttribute('class', `pulse leg-${lane.leg}` + (h.ok === false ? ' bad' : ''));
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

  /**
   * wait shows a bar that fills in ms, of which gone are past: below the picture, and on
   * the phone, which on a narrow page is all that is seen. What never comes is not waited for.
   */
  wait(text, en, ms, gone = 0) {
    const places = $$('#waiting, #phone-wait');
    for (const place of places) {
      place.replaceChildren(el('p', {}, text, ' ', el('span', { class: 'en', text: en }), el('span', { class: 'wait-left' })),
        el('span', { class: 'wait-bar' }, el('span', { class: 'wait-fill' })));
    }
    const begun = performance.now() - gone;
    clearInterval(this.ticking);
    const tick = () => {
      const past = performance.now() - begun;
      if (past > 4 * ms) { this.waited(); return; }
      for (const place of places) {
        $('.wait-fill', place).style.setProperty('--part', Math.min(1, past / ms).toFixed(3));
        $('.wait-left', place).textContent = past < ms ? ` ${((ms - past) / 1000).toFixed(1)} s` : ' …';
      }
    };
    tick();
    this.ticking = setInterval(tick, 100);
    this.nodes?.get('switch')?.classList.add('holding');
  }

  waited() {
    clearInterval(this.ticking);
    for (const place of $$('#waiting, #phone-wait')) place.replaceChildren();
    this.nodes?.get('switch')?.classList.remove('holding');
  }
}

function ends(leg, bank) {
  return { 'wechat-front': ['微信', '前置'], 'front-switch': ['前置', '中心'], 'switch-bank': ['中心', bank ?? '成员行'] }[leg] ?? ['', ''];
}

/** banksOf lists the banks that a state knows. */
export function banksOf(state) {
  const names = new Map((state.person?.accounts ?? []).map((a) => [a.bank, a.bank_name ?? a.bank]));
  for (const id of Object.keys(state.faults?.bank ?? {})) if (!names.has(id)) names.set(id, id);
  return [...names].map(([id, name]) => ({ id, name }));
}

function drawNode(x, y, { w, h }, slim, picture, name, real) {
  const kind = real ? '真实 real' : '模拟 simulated';
  const left = -w / 2 + (slim ? 10 : 44);
  const inside = h < 60
    ? [!slim && use(picture, -w / 2 + 12, -11, 22), words('node-name small', left, -3, name), words('node-en', left, 14, kind)]
    : [use(picture, -13, -h / 2 + 9, 26), words('node-name', 0, 13, name, 'middle'), words('node-en', 0, 29, slim ? kind.slice(0, 2) : kind, 'middle')];
  return svg('g', { class: 'node ' + (real ? 'real' : 'made-up'), transform: `translate(${x} ${y})` },
    svg('rect', { class: 'node-box', x: -w / 2, y: -h / 2, width: w, height: h, rx: 14 }), ...inside,
    svg('g', { class: 'node-mark', transform: `translate(0 ${-h / 2})` }, svg('rect', { x: -36, y: -9, width: 72, height: 18, rx: 9 }), words('', 0, 4, '', 'middle')));
}

const use = (name, x, y, size) => svg('use', { href: '#i-' + name, x, y, width: size, height: size, class: 'icon' });
const words = (cls, x, y, text, anchor) => svg('text', { class: cls, x, y, 'text-anchor': anchor }, text);
