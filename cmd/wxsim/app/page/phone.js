// The phone: the chat with the official account, its menu, the map, the
// account's profile, and the short messages that drop in.

import { $, $$, clock, covered, el, icon, svg, words } from './dom.js';

const palette = ['#3d7ea6', '#a8623d', '#5b7f4f', '#85588f', '#9a7b2f', '#4c6a94', '#8a4f5f', '#3f7f7a'];
const bezel = 10;
const size = { width: 390, height: 844 };

export class Phone {
  #said = new Set();
  #texts = []; // short messages, the oldest first
  #mode = 'menu';
  #lastTime = 0;
  #drawn = '';

  constructor(sim, browser) {
    this.sim = sim;
    this.browser = browser;
    this.talk = $('#talk');
    sim.on('state', (s) => this.show(s));
    sim.on('chat', (e) => this.say(e));
    sim.on('sms', (e) => this.receive(e));
    browser.addEventListener('change', () => this.#typed());
    browser.addEventListener('sent', (e) => this.#use(e.detail));
    browser.addEventListener('closed', () => $('#told').replaceChildren());
    $('#to-profile').addEventListener('click', () => this.profile(true));
    addEventListener('resize', () => this.fit());
    addEventListener('pointerdown', (e) => { if (!e.target.closest?.('.menu-column')) this.#pop(null); });
    addEventListener('keydown', (e) => { if (e.key === 'Escape') this.#pop(null); });
    this.fit();
    this.tick();
  }

  get me() { return this.sim.state?.followers.find((f) => f.id === this.sim.state.me); }

  get texts() { return this.#texts; }

  /** fit scales the phone to the window. */
  fit() {
    const stand = $('#stand');
    const stacked = matchMedia('(max-width: 1099px)').matches;
    const high = stacked && innerWidth < 760 ? Infinity : innerHeight - stand.getBoundingClientRect().top - scrollY - 20;
    const wide = innerWidth < 760 ? innerWidth - 32 : Infinity;
    const scale = Math.max(0.5, Math.min(1, high / (size.height + 2 * bezel), wide / (size.width + 2 * bezel)));
    document.documentElement.style.setProperty('--scale', scale.toFixed(4));
    this.scale = scale;
  }

  tick() {
    $('#status-time').textContent = clock();
    setTimeout(() => this.tick(), 60_500 - (Date.now() % 60_000));
  }

  show(state) {
    document.title = `${this.me?.name ?? ''} · ${state.account.name} · wxswitch 演示`;
    $('#account-name').textContent = state.account.name;
    this.#rail(state);
    for (const e of state.chat ?? []) this.say(e);
    for (const e of state.sms ?? []) this.#remember(e);
    this.#composer(state);
    this.#following(this.me?.following);
  }

  #rail(state) {
    const port = location.port ? ':' + location.port : '';
    $('#rail').replaceChildren(...state.followers.map((f, i) => el('a', {
      class: 'follower' + (f.following ? '' : ' away'), href: `http://${f.id}.localhost${port}/`,
      'aria-current': f.id === state.me ? 'page' : null, title: f.following ? f.name : f.name + '（未关注）',
    }, face(f.name, i), el('span', { class: 'follower-name', text: f.name }),
    f.unread > 0 && f.id !== state.me && el('span', { class: 'unread', text: Math.min(f.unread, 99), 'aria-label': f.unread + ' 条未读' }))));
  }

  // ---- chat ----

  say(e) {
    if (this.#said.has(e.id)) return;
    this.#said.add(e.id);
    const low = this.talk.scrollHeight - this.talk.scrollTop - this.talk.clientHeight < 120;
    const at = Date.parse(e.at) || Date.now();
    if (at - this.#lastTime > 180_000) this.talk.append(el('p', { class: 'talk-time', text: clock(at) }));
    this.#lastTime = at;
    this.talk.append(this.#entry(e));
    while (this.talk.childElementCount > 300) this.talk.firstElementChild.remove();
    if (low || e.who === 'me') this.bottom();
    if (e.who === 'account' && this.browser.isOpen) this.#notify(e);
  }

  bottom() { this.talk.scrollTop = this.talk.scrollHeight; }

  #entry(e) {
    if (e.who === 'system') return el('p', { class: 'talk-system', data: { id: e.id } }, ...words(e.text, (u) => this.browser.open(u)));
    if (e.kind === 'card') return this.#card(e);
    const mine = e.who === 'me';
    const i = this.sim.state.followers.findIndex((f) => f.id === this.sim.state.me);
    return el('div', { class: 'said ' + (mine ? 'mine' : 'theirs'), data: { id: e.id } },
      mine ? face(this.me.name, i) : seal(this.sim.state.account.name),
      e.kind === 'location' ? this.#place(e) : el('div', { class: 'bubble' }, ...words(e.text, (u) => this.browser.open(u))));
  }

  #place(e) {
    return el('div', { class: 'bubble place' }, el('b', { text: e.place?.name ?? '位置' }), el('span', { text: '乌鲁木齐市' }),
      svg('svg', { class: 'place-map', viewBox: '0 0 230 90', 'aria-hidden': 'true' }, ...streets(230, 90), pin(115, 58)));
  }

  #card(e) {
    const c = e.card;
    const inside = [
      el('h3', {}, el('span', { text: c.title })),
      el('dl', {}, ...(c.rows ?? []).flatMap((r) => [el('dt', { text: r.label }), el('dd', { text: r.value })])),
    ];
    return el('article', { class: 'card', data: { id: e.id } }, ...inside,
      c.url && el('a', { class: 'card-more', href: c.url, onclick: (x) => { x.preventDefault(); this.browser.open(c.url); } },
        el('span', { text: '查看详情' }), icon('chevron')));
  }

  // ---- the bar at the bottom: menu, or words ----

  #composer(state) {
    const drawn = JSON.stringify([state.menu, this.#mode]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    if (!state.menu?.length) this.#mode = 'text';
    $('#composer').replaceChildren(this.#mode === 'menu' ? this.#menu(state.menu) : this.#entryBar(state.menu));
  }

  /** mode shows the menu, or where words are typed. */
  mode(mode) {
    this.#mode = mode;
    this.#composer(this.sim.state);
    if (mode === 'text') $('#words').focus({ preventScroll: true });
    this.bottom();
  }

  #menu(columns) {
    return el('div', { class: 'menu-bar' },
      el('button', { class: 'bare menu-toggle', id: 'to-text', type: 'button', 'aria-label': '输入文字 Keyboard', onclick: () => this.mode('text') }, icon('keyboard')),
      ...columns.map((c, i) => this.#column(c, i)));
  }

  #column(c, i) {
    const leaf = !c.items?.length;
    const button = el('button', {
      class: 'menu-name', type: 'button', data: { column: c.name }, 'aria-expanded': leaf ? null : 'false', 'aria-controls': leaf ? null : 'menu-' + i,
      onclick: () => (leaf ? this.pick(c) : this.#pop(button)),
    }, !leaf && icon('lines'), el('span', { text: c.name }));
    const items = (c.items ?? []).map((item) => el('button', {
      class: 'menu-item', type: 'button', data: { item: item.name }, text: item.name, onclick: () => { this.#pop(null); this.pick(item); },
    }));
    return el('div', { class: 'menu-column' }, button, !leaf && el('div', { class: 'menu-pop', id: 'menu-' + i, hidden: true }, ...items));
  }

  #pop(button) {
    for (const b of $$('.menu-name[aria-expanded]')) {
      const open = b === button && b.getAttribute('aria-expanded') === 'false';
      b.setAttribute('aria-expanded', open);
      b.nextElementSibling.hidden = !open;
    }
  }

  /** pick does what a menu item does. */
  async pick(item) {
    if (item.type === 'view') {
      this.browser.open(item.url);
      await this.act('view', { url: item.url });
    } else {
      await this.act('click', { key: item.key });
    }
  }

  #entryBar(menu) {
    const input = el('textarea', { id: 'words', rows: '1', maxlength: '600', 'aria-label': '消息 Message', autocomplete: 'off' });
    const send = el('button', { class: 'send', id: 'send', type: 'submit', text: '发送', hidden: true });
    const plus = el('button', { class: 'bare', id: 'plus', type: 'button', 'aria-label': '更多 More', 'aria-expanded': 'false', onclick: () => this.#plus() }, icon('plus'));
    const shown = () => { send.hidden = input.value.trim() === ''; plus.hidden = !send.hidden; };
    const form = el('form', { class: 'entry-bar', onsubmit: (e) => { e.preventDefault(); this.send(input); shown(); } },
      menu?.length && el('button', { class: 'bare', id: 'to-menu', type: 'button', 'aria-label': '菜单 Menu', onclick: () => this.mode('menu') }, icon('menu')),
      el('span', { class: 'bare', 'aria-hidden': 'true' }, icon('voice')), input,
      el('span', { class: 'bare', 'aria-hidden': 'true' }, icon('smile')), plus, send);
    input.addEventListener('input', shown);
    input.addEventListener('keydown', (e) => {
      if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); form.requestSubmit(); }
    });
    return el('div', {}, form, this.#more());
  }

  async send(input) {
    const text = input.value.trim();
    if (text === '') return;
    input.value = '';
    await this.act('say', { text });
  }

  #more() {
    const off = (name, what) => el('button', { type: 'button', class: 'more-item', disabled: true }, el('span', { class: 'more-tile' }, icon(name)), el('span', { text: what }));
    return el('div', { class: 'more', id: 'more', hidden: true }, off('photo', '相册'), off('camera', '拍摄'),
      el('button', { type: 'button', class: 'more-item', id: 'to-map', onclick: () => this.map() }, el('span', { class: 'more-tile' }, icon('pin')), el('span', { text: '位置' })),
      off('box', '收藏'));
  }

  #plus() {
    const more = $('#more');
    more.hidden = !more.hidden;
    $('#plus').setAttribute('aria-expanded', !more.hidden);
    this.bottom();
  }

  // ---- the map ----

  map() {
    const places = this.sim.state.places ?? [];
    let chosen = places[0]?.id;
    const done = () => { $('#map').hidden = true; covered(); if (!$('#more')?.hidden) this.#plus(); };
    const send = el('button', { class: 'send', id: 'send-place', type: 'button', text: '发送', onclick: async () => { done(); await this.act('locate', { place: chosen }); } });
    const pins = svg('g', {});
    const choose = (id) => {
      chosen = id;
      pins.replaceChildren(...places.map((p) => dot(p, p.id === id)));
      for (const r of $$('#map input')) r.checked = r.value === id;
    };
    const dot = (p, on) => svg('g', { class: 'map-dot' + (on ? ' on' : ''), onclick: () => choose(p.id) },
      on ? pin(p.x * 390, p.y * 420) : svg('circle', { cx: p.x * 390, cy: p.y * 420, r: 7 }),
      svg('text', { x: p.x * 390, y: p.y * 420 + 20, 'text-anchor': 'middle' }, p.name));
    $('#map').replaceChildren(
      el('div', { class: 'bar map-bar' }, el('span', { class: 'bar-side' }, el('button', { class: 'bare text', type: 'button', text: '取消', onclick: done })),
        el('h2', { class: 'bar-title', text: '位置' }), el('span', { class: 'bar-side right' }, send)),
      svg('svg', { class: 'map-picture', viewBox: '0 0 390 420', 'aria-hidden': 'true' }, ...streets(390, 420), pins),
      el('fieldset', { class: 'map-list' }, el('legend', { text: '选择您所在的地方' }), ...places.map((p) => el('label', { class: 'map-place' },
        el('input', { type: 'radio', name: 'place', value: p.id, onchange: () => choose(p.id) }), el('span', { text: p.name }), icon('check')))));
    $('#map').hidden = false;
    covered();
    choose(chosen);
    send.focus({ preventScroll: true });
  }

  // ---- the account's profile ----

  profile(open) {
    const { state } = this.sim;
    const following = this.me?.following;
    const button = following
      ? el('button', { class: 'wide plain', id: 'unfollow', type: 'button', text: '取消关注', onclick: () => this.act('unfollow') })
      : el('button', { class: 'wide', id: 'follow', type: 'button', text: '关注公众号', onclick: () => this.follow() });
    $('#profile').replaceChildren(
      el('div', { class: 'bar' }, el('span', { class: 'bar-side' },
        following && el('button', { class: 'bare', id: 'from-profile', type: 'button', 'aria-label': '返回 Back', onclick: () => this.profile(false) }, icon('back'))), el('span', { class: 'bar-title' }), el('span', { class: 'bar-side' })),
      el('div', { class: 'profile-head' }, seal(state.account.name), el('div', {}, el('h2', { text: state.account.name }), el('p', { text: '服务号 · ' + state.account.id }))),
      el('p', { class: 'profile-about', text: '账户余额、交易明细、动账通知、网点预约，尽在公众号。（演示账号）' }),
      el('div', { class: 'profile-actions' }, following && el('button', { class: 'wide', id: 'enter', type: 'button', text: '发消息', onclick: () => this.profile(false) }), button));
    $('#profile').dataset.following = String(Boolean(following));
    $('#profile').hidden = !open;
    covered();
  }

  // What is shown stays as it is while nothing has changed: a tap may be under way.
  #following(following) {
    const profile = $('#profile');
    const shown = !profile.hidden && profile.dataset.following === String(Boolean(following));
    if (!shown && (!following || !profile.hidden)) this.profile(true);
  }

  async follow() {
    if (!(await this.act('follow'))) return;
    await this.sim.refresh();
    this.profile(false);
  }

  // ---- banners: of short messages, and of the chat while a page lies over it ----

  #banner(place, look, head, text, hint, ms, tapped, data = {}) {
    const banner = el('div', { class: 'banner ' + look },
      el('button', { class: 'banner-open', type: 'button', data, onclick: () => { banner.remove(); tapped(); } },
        look === 'sms' ? el('span', { class: 'sms-icon' }, icon('message')) : seal(this.sim.state.account.name),
        el('span', { class: 'banner-text' }, el('span', { class: 'banner-head' }, el('b', { text: head }), el('span', { text: '现在' })), el('span', { class: 'banner-words', text }),
          hint && el('span', { class: 'banner-hint', text: hint }))),
      el('button', { class: 'banner-close', type: 'button', 'aria-label': '收起 Dismiss', onclick: () => banner.remove() }, icon('close')));
    $(place).replaceChildren(banner);
    setTimeout(() => banner.remove(), ms);
  }

  #notify(e) {
    const text = e.card ? [e.card.title, ...(e.card.rows ?? []).map((r) => r.value)].join('  ') : words(e.text).map((n) => n.textContent ?? n).join('');
    this.#banner('#told', 'told', this.sim.state.account.name, text, '', 7000, () => {
      this.browser.close();
      $(`[data-id="${e.id}"]`, this.talk)?.scrollIntoView({ block: 'nearest' });
    });
  }

  // ---- short messages ----

  receive(e) {
    if (!this.#remember(e)) return;
    this.#banner('#sms', 'sms', '短信 ' + e.phone, e.text, e.code && '点此填入验证码 ' + e.code, e.code ? 20_000 : 9000, () => this.#fill(e), { sms: e.id });
  }

  /** code is that of the newest short message, unless it was used. */
  get code() {
    const last = this.#texts.findLast((t) => t.code);
    return last && !used().includes(last.id + '/' + last.code) ? last.code : '';
  }

  // A code that was typed needs no banner any more.
  #typed() {
    const banner = $('#sms [data-sms]');
    const text = banner && this.#texts.find((t) => String(t.id) === banner.dataset.sms);
    if (text?.code && text.code === this.browser.doc?.querySelector('#code')?.value) $('#sms').replaceChildren();
  }

  #use(code) {
    const of = this.#texts.filter((t) => t.code && t.code === code).map((t) => t.id + '/' + t.code);
    if (!of.length) return;
    sessionStorage.setItem('used', JSON.stringify([...used(), ...of].slice(-50)));
    this.sim.dispatchEvent(new CustomEvent('text'));
  }

  #remember(e) {
    if (this.#texts.some((t) => t.id === e.id)) return false;
    this.#texts.push(e);
    this.sim.dispatchEvent(new CustomEvent('text'));
    return true;
  }

  #fill(e) {
    const field = e.code && this.browser.doc?.querySelector('#code');
    if (!field) {
      if (e.code) this.toast('没有打开的验证码输入框');
      return;
    }
    enter(field, e.code);
    field.focus();
  }

  // ---- doing ----

  /** act tells the simulator; what is refused is shown on the phone. */
  async act(what, body) {
    try {
      await this.sim.post(what, body);
      return true;
    } catch (error) {
      this.toast(error.message);
      return false;
    }
  }

  toast(text) {
    const t = $('#toast');
    t.textContent = text;
    t.hidden = false;
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => { t.hidden = true; }, 3500);
  }
}

// Codes that led to a result, by short message; kept over a reload of the page.
const used = () => JSON.parse(sessionStorage.getItem('used') ?? '[]');

/** enter puts a value into a field of a page as its user would. */
export function enter(field, value) {
  const win = field.ownerDocument.defaultView;
  if (field.type === 'checkbox' || field.type === 'radio') {
    if (field.checked !== Boolean(value)) field.click();
    return;
  }
  field.value = value;
  field.dispatchEvent(new win.Event('input', { bubbles: true }));
  field.dispatchEvent(new win.Event('change', { bubbles: true }));
}

function face(name, i) {
  return svg('svg', { class: 'face', viewBox: '0 0 40 40', 'aria-hidden': 'true' },
    svg('rect', { width: 40, height: 40, rx: 5, fill: palette[Math.max(0, i) % palette.length] }),
    svg('circle', { cx: 20, cy: 15.5, r: 7, class: 'face-skin' }), svg('path', { class: 'face-skin', d: 'M6 40c.6-10 6-15 14-15s13.4 5 14 15z' }),
    svg('text', { x: 20, y: 37, 'text-anchor': 'middle' }, [...name][0] ?? ''));
}

function seal(name) {
  return svg('svg', { class: 'face', viewBox: '0 0 40 40', 'aria-hidden': 'true' },
    svg('rect', { width: 40, height: 40, rx: 5, class: 'seal-ground' }),
    svg('path', { class: 'seal-line', d: 'M8 17 20 9.5 32 17zM11.5 20v8.500M17 20v8.500M23 20v8.500M28.5 20v8.500M8 32h24' }), svg('title', {}, name));
}

function pin(x, y) {
  return svg('g', { class: 'pin', transform: `translate(${x} ${y})` },
    svg('path', { d: 'M0 0C-9-11-13-17-13-23a13 13 0 0 1 26 0C13-17 9-11 0 0z' }), svg('circle', { cx: 0, cy: -23, r: 5 }));
}

// A town that is nowhere: blocks, a river, a park, and streets.
function streets(w, h) {
  const x = (n) => (n * w).toFixed(1);
  const y = (n) => (n * h).toFixed(1);
  const line = (cls, ...p) => svg('path', { class: cls, d: 'M' + p.map(([a, b]) => x(a) + ' ' + y(b)).join('L') });
  return [
    svg('rect', { class: 'map-ground', width: w, height: h }),
    svg('path', { class: 'map-park', d: `M${x(0.58)} ${y(0.1)}h${x(0.26)}l${x(0.05)} ${y(0.2)}h-${x(0.3)}z` }),
    svg('path', { class: 'map-park', d: `M${x(0.04)} ${y(0.66)}h${x(0.2)}v${y(0.2)}h-${x(0.2)}z` }),
    svg('path', { class: 'map-river', d: `M${x(0.3)} ${y(-0.05)}C${x(0.36)} ${y(0.3)} ${x(0.2)} ${y(0.5)} ${x(0.34)} ${y(0.72)}S${x(0.3)} ${y(0.95)} ${x(0.4)} ${y(1.05)}` }),
    line('map-road', [0, 0.22], [1, 0.3]), line('map-road', [0, 0.58], [1, 0.62]), line('map-road', [0.52, 0], [0.56, 1]), line('map-road', [0.12, 0], [0.2, 1]),
    line('map-street', [0, 0.42], [1, 0.44]), line('map-street', [0, 0.82], [1, 0.86]), line('map-street', [0.36, 0], [0.42, 1]), line('map-street', [0.72, 0], [0.7, 1]),
    line('map-street', [0.88, 0], [0.9, 1]), line('map-street', [0, 0.1], [0.55, 0.12]),
    line('map-main', [0, 0.96], [0.56, 0.6], [1, 0.14]),
  ];
}
