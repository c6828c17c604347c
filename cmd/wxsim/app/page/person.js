// The made-up customer beside the phone: its numbers, buttons that type them
// into the page that is open, and money spent at the bank.

import { $, el, icon } from './dom.js';
import { seen } from './hand.js';
import { enter } from './phone.js';

/** What the demo sets as passwords, and logs in with. */
export const passwords = { login: 'Tarim7#Poplar', payment: '862519' };

export const spend = (phone) => phone.sim.post('spend', { account: phone.sim.state.person.accounts[0].number, fen: 3250, summary: '消费' });

export class Person {
  #drawn = '';

  constructor(sim, phone) {
    Object.assign(this, { sim, phone, browser: phone.browser });
    this.rows = [];
    this.every = el('button', { class: 'quiet-button go', type: 'button', id: 'fill-all', hidden: true, onclick: () => this.fillAll() }, icon('check'), '全部填入');
    this.spending = el('button', { class: 'quiet-button', id: 'spend', type: 'button', title: 'Spend at the bank', onclick: () => this.spend() }, icon('coin'), '在银行消费 ¥32.50');
    $('#person-tools').append(this.every, this.spending);
    sim.on('state', (s) => this.show(s));
    sim.on('text', () => this.show(sim.state));
    for (const what of ['page', 'change', 'closed']) this.browser.addEventListener(what, () => this.look());
  }

  show(state) {
    if (!state?.person) return;
    const { code } = this.phone;
    const drawn = JSON.stringify([state.person, code]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.rows = rows(state.person, code);
    $('#person').replaceChildren(...this.rows.map((r) => this.#row(r)));
    this.look();
  }

  #row(r) {
    r.button = el('button', { class: 'fill', type: 'button', hidden: true, 'aria-label': `填入${r.label} Fill in`, onclick: () => this.fill(r) }, '填入');
    return el('div', { class: r.half ? 'half' : null }, el('dt', { text: r.label }), el('dd', {}, el('span', { class: 'value' }, ...r.shown.map((text) => el('span', { text })), r.bank && el('small', { text: r.bank })), r.button));
  }

  /** look shows the buttons of what the open page has fields for. */
  look() {
    const { doc } = this.browser;
    let any = 0;
    for (const r of this.rows) {
      const there = doc ? r.fields(doc).length > 0 : false;
      if (r.button) r.button.hidden = !there;
      any += there ? 1 : 0;
    }
    this.every.hidden = any < 2;
  }

  fill(r) {
    for (const [field, value] of r.fields(this.browser.doc)) enter(field, value);
  }

  /** fillAll fills in what there is; of several accounts, the one that the page is likely about. */
  fillAll() {
    const adding = this.browser.path.startsWith('/h5/accounts/add');
    const accounts = this.rows.filter((r) => r.account);
    const chosen = adding ? accounts[1] ?? accounts[0] : accounts[0];
    for (const r of this.rows) if (!r.account || r === chosen) this.fill(r);
  }

  async spend() {
    this.spending.disabled = true;
    await spend(this.phone).catch((error) => this.phone.toast(error.message));
    setTimeout(() => { this.spending.disabled = false; }, 800);
  }
}

function rows(p, code) {
  const list = [
    { label: p.cert_type_name || '证件', shown: [p.holder, p.cert], fields: (d) => put(d, { cert_type: p.cert_type, cert_number: p.cert }) },
    ...(p.accounts ?? []).map((a) => ({
      account: a, label: (a.kind === 'passbook' ? '活期一本通' : '借记卡'), shown: [spaced(a.number)], bank: a.bank_name ?? a.bank, fields: (d) => put(d, { account: a.number, bank: a.bank }),
    })),
    { half: true, label: '登录密码', shown: [passwords.login], fields: loginFields },
    { half: true, label: '支付密码', shown: [passwords.payment], fields: paymentFields },
  ];
  if (p.phone) list.push({ half: true, label: '手机号', shown: [p.phone], fields: (d) => put(d, { phone: p.phone }) });
  list.push({ half: true, label: '验证码', shown: [code || '—'], fields: (d) => (code ? put(d, { code }) : []) });
  return list;
}

const spaced = (number) => number.replace(/(.{4})(?=.)/g, '$1 ');

/** put lists the fields that can be seen, with what belongs into them. */
function put(doc, values) {
  return Object.entries(values).map(([id, value]) => [doc.querySelector('#' + id), value]).filter(([field]) => seen(field));
}

// The field "password" is the login's on its page, and either kind's where one is reset.
const payment = (doc) => doc.querySelector('#password')?.inputMode === 'numeric';

const loginFields = (doc) => put(doc, {
  old_login: passwords.login, login: passwords.login, login_again: passwords.login, ...(payment(doc) ? {} : { password: passwords.login, password_again: passwords.login }),
});

const paymentFields = (doc) => put(doc, {
  old_payment: passwords.payment, payment: passwords.payment, payment_again: passwords.payment, ...(payment(doc) ? { password: passwords.payment, password_again: passwords.payment } : {}),
});
