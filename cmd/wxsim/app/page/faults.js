// Switches for what may go wrong, at WeChat, in the front and at each bank.

import { $, el } from './dom.js';
import { banksOf } from './hops.js';

const front = [['ok', '正常', 'ok'], ['slow', '首次超过 5 秒', 'slow'], ['silent', '不应答，重试三次', 'silent']];
const wechat = [
  ['0', '正常', 'ok'], ['40001', '令牌失效 40001', 'token'], ['-1', '系统繁忙 -1', 'busy'], ['45009', '调用超限 45009，停发到明天', 'limit: nothing more today'],
  ['43004', '未关注 43004', 'not following'], ['47003', '字段不符 47003', 'field'], ['expire', '令牌全部过期', 'all tokens expire'],
];
const bank = [
  ['ok', '正常', 'ok'], ['decline', '拒绝', 'decline'], ['delay', '延迟 3 秒', 'delay'], ['silence', '收下不办也不答', 'silence'],
  ['late', '办了，10 秒后才答', 'late'], ['down', '停机', 'down'],
];
const ticks = [['quota', '额度用完', 'Quota'], ['blocked', '拒收通知', 'Blocked'], ['undelivered', '送达失败', 'Undelivered'], ['snapshot', '快照页', 'Snapshot']];
/** limited is why nothing more is told today. */
export const limited = '微信今天答过 45009（调用超限、额度用完），中心到明天才再发通知；要接着看，请重新启动演示';

const delays = { delay: 3000, late: 10_000 };

export class Faults {
  #drawn = '';

  constructor(sim, phone) {
    Object.assign(this, { sim, phone });
    this.clear = el('button', { class: 'quiet-button', id: 'mend', type: 'button', hidden: true, onclick: () => this.mend() }, '全部恢复 ', el('span', { class: 'en', text: 'Clear' }));
    $('#faults-tools').append(this.clear);
    sim.on('state', (s) => this.show(s));
  }

  show(state) {
    const f = state.faults ?? {};
    const banks = banksOf(state);
    const drawn = JSON.stringify([f, banks]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.now = { f, banks };
    const errcode = f.errcode && f.errcode_count !== 0 ? String(f.errcode) : '0';
    const held = document.activeElement?.dataset.fault; // keys go on where they were
    $('#faults').replaceChildren(
      select('front', '前置', '应答微信', front, f.front ?? 'ok', (v) => this.tell('faults', { front: v })),
      select('wechat', '微信', '调用返回一次', wechat, errcode, (v) => this.wechat(v)),
      ...banks.map((b) => select(b.id, b.name, '', bank, f.bank?.[b.id] ?? 'ok', (v) => this.bank(b.id, v))),
      el('div', { class: 'fault-ticks' }, ...ticks.map(([key, name, en]) => tick(key, name, en, f[key], (v) => this.tell('faults', { [key]: v })))),
      f.limited
        ? el('p', { class: 'fault-note limited' }, limited + '。', el('span', { class: 'en', text: 'WeChat said 45009: nothing more is told today. Restart the demo.' }))
        : el('p', { class: 'fault-note', text: '45009 和额度用完之后，没有送到的通知要等到明天，「全部恢复」也不会提前。' }));
    $(`[data-fault="${held}"]`)?.focus({ preventScroll: true });
    this.clear.hidden = !this.#any();
  }

  #any() {
    const { f } = this.now;
    return (f.front ?? 'ok') !== 'ok' || Boolean(f.errcode && f.errcode_count) || ticks.some(([key]) => f[key]) || Object.values(f.bank ?? {}).some((k) => k !== 'ok');
  }

  wechat(v) {
    if (v === 'expire') return this.tell('faults', { expire_tokens: true });
    return this.tell('faults', { errcode: Number(v), errcode_count: v === '0' ? 0 : 1 });
  }

  bank(id, kind) {
    const fault = { bank: id, kind, once: false };
    if (delays[kind]) fault.delay_ms = delays[kind];
    return this.tell('bank-fault', fault);
  }

  async mend() {
    const { f, banks } = this.now;
    await this.tell('faults', { front: 'ok', errcode: 0, errcode_count: 0, ...Object.fromEntries(ticks.map(([key]) => [key, false])) });
    for (const b of banks) if ((f.bank?.[b.id] ?? 'ok') !== 'ok') await this.bank(b.id, 'ok');
  }

  async tell(what, body) {
    this.#drawn = ''; // what was refused is shown as it is
    await this.phone.act(what, body);
    await this.sim.refresh();
  }
}

function select(key, name, what, choices, now, change) {
  const list = choices.some(([v]) => v === now) ? choices : [...choices, [now, now, '']];
  return el('label', { class: 'fault' + (now === choices[0][0] ? '' : ' on') }, el('span', {}, name, what && el('small', { text: what })),
    el('select', { data: { fault: key }, onchange: (e) => change(e.target.value) }, ...list.map(([v, text, en]) => el('option', { value: v, selected: v === now, title: en, text }))));
}

function tick(key, name, en, now, change) {
  return el('label', { class: 'fault-tick' + (now ? ' on' : '') }, el('input', { type: 'checkbox', data: { fault: key }, checked: Boolean(now), onchange: (e) => change(e.target.checked) }),
    el('span', { text: name }), el('span', { class: 'en', text: en }));
}
