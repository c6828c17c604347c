// The six steps: each by hand, or done by the hand of hand.js. How far one has
// come is seen from the pages that open, whoever opened them.

import { $, $$, el, icon } from './dom.js';
import { limited } from './faults.js';
import { Hand, Odd, Stopped, alertOf, seen } from './hand.js';
import { passwords, spend } from './person.js';

const steps = [
  { id: 'authenticate', name: '认证', en: 'Authenticate', line: '证件、卡号、短信验证码，再设密码', act: authenticateAndSet },
  { id: 'balance', name: '余额', en: 'Balance', line: '登录看余额和明细，向开户行现查', act: balance },
  { id: 'attach', name: '加挂', en: 'Link an account', line: '再加一个账户，可在另一家银行', act: attach },
  { id: 'movement', name: '消费 → 动账', en: 'Spend and be told', line: '银行记账 ¥32.50，微信弹出卡片', act: movement },
  { id: 'visit', name: '预约', en: 'Book a visit', line: '发位置，选最近的网点，约好到店', act: visit },
  { id: 'deregister', name: '注销超时', en: 'Deregister, timed out', line: '银行 10 秒才答，中心只等 5 秒', act: deregister, byHand: 'late-deregister' },
];

// What a result at the end of a page's path completes.
const endings = [
  [/^\/h5\/authenticate/, 'approved', 'authenticate'], [/^\/h5\/accounts\/add/, 'approved', 'attach'],
  [/^\/h5\/branches\/.*visit/, 'approved', 'visit'],
];

export class Steps {
  #running = null; // {id, stop}
  #rows = new Map();
  #path = '';
  #owner = '';
  doubt = false; // a deregistration ended in doubt, and its end has not come
  spoke = false; // the account has told an end since the last deregistration was asked for

  constructor(sim, phone, picture) {
    Object.assign(this, { sim, phone, browser: phone.browser, picture });
    for (const [i, s] of steps.entries()) this.#row(s, i);
    this.all = $('#all');
    this.#labelAll(false);
    this.all.addEventListener('click', () => (this.#running ? this.#running.stop() : this.run(steps)));
    sim.on('state', (s) => this.#mine(s));
    sim.on('chat', (e) => this.#heard(e));
    this.browser.addEventListener('page', () => this.#opened());
    this.browser.addEventListener('change', () => { this.#answered(); this.#looked(); });
    this.browser.addEventListener('closed', () => { if (this.asking) this.#waitsNoMore(); });
  }

  #row(s, i) {
    const note = el('p', { class: 'step-note', role: 'status', 'aria-live': 'polite', hidden: true });
    const button = el('button', { class: 'do-it', type: 'button', onclick: () => (this.#running?.id === s.id ? this.#running.stop() : this.run([s])) });
    const row = el('li', { class: 'step', data: { step: s.id } },
      el('span', { class: 'step-mark' }, el('span', { class: 'step-number', text: i + 1 }), icon('check', 'icon step-tick')),
      el('div', { class: 'step-words' }, el('h3', {}, s.name, ' ', el('span', { class: 'en', text: s.en })), el('p', { class: 'step-line', text: s.line }), s.byHand && this.#arm(s.byHand), note),
      button);
    this.#rows.set(s.id, { row, note, button });
    $('#steps').append(row);
    this.#label(s.id, false);
  }

  // What must be set up before one does it by hand.
  #arm(what) {
    return el('button', {
      class: 'text-button', type: 'button', text: '自己来：先让开户行迟答一次',
      onclick: () => this.sim.post(what).then(() => this.phone.toast('好了：现在发送 zx 并确认注销'), (e) => this.phone.toast(e.message)),
    });
  }

  #label(id, running) {
    const { row, button } = this.#rows.get(id);
    row.classList.toggle('running', running);
    button.replaceChildren(icon(running ? 'stop' : 'play'), running ? '停下' : '替我做');
    const s = steps.find((x) => x.id === id);
    button.setAttribute('aria-label', (running ? '停下 Stop: ' : '替我做 Do it for me: ') + s.name);
  }

  #labelAll(running) {
    this.all.replaceChildren(icon(running ? 'stop' : 'play'), running ? '停下' : '全部替我做', el('span', { class: 'en', text: running ? 'Stop' : 'All' }));
  }

  // ---- ticks, kept for as long as the follower is who it was ----

  #mine(state) {
    const openid = this.phone.me?.openid ?? '';
    if (openid === this.#owner) return;
    if (this.#owner) { location.reload(); return; } // reset: a new life begins
    this.#owner = openid;
    for (const id of this.#kept()) this.#tick(id);
  }

  #key() { return 'done/' + this.#owner; }

  #kept() { return JSON.parse(sessionStorage.getItem(this.#key()) ?? '[]'); }

  done(id) {
    this.#tick(id);
    sessionStorage.setItem(this.#key(), JSON.stringify([...this.#kept().filter((k) => k !== id), id])); // in the order of doing
  }

  /** isCustomer: authenticated, and not deregistered since, as far as was seen here. */
  get isCustomer() {
    const kept = this.#kept();
    return kept.indexOf('authenticate') > kept.indexOf('deregister');
  }

  #tick(id) {
    this.#rows.get(id).row.classList.add('done');
    $('.step-mark', this.#rows.get(id).row).setAttribute('title', '已完成 Done');
  }

  #opened() {
    const { path, doc } = this.browser;
    const ending = doc.querySelector('[data-result]')?.dataset.result;
    for (const [from, how, id] of endings) if (ending === how && from.test(this.#path)) this.done(id);
    if (this.#path === '/h5/deregister' && ending) this.#deregistered(ending);
    if (path !== this.#path && path.startsWith('/h5/result') === false) this.#path = path;
    this.#looked();
    doc.addEventListener('submit', () => { if (path === '/h5/deregister') this.#asked(); });
  }

  #looked() {
    if (this.browser.path === '/h5/accounts' && balanceIn(this.browser.doc)) this.done('balance');
  }

  #heard(e) {
    if (e.kind === 'card' && /[-+−]?[¥￥]\s?\d/.test(JSON.stringify(e.card.rows))) this.done('movement');
    if (e.who !== 'account' || !endsIt(e)) return;
    this.spoke = true;
    if (this.doubt) this.#settled();
  }

  // ---- the two waits of a deregistration ----

  // A bank that answers at once needs no bar.
  #asked() {
    this.spoke = false;
    this.asking = setTimeout(() => this.picture.wait('中心等开户行答复，至多 5 秒', 'The switch waits at most 5 s', 5000, 500), 500);
  }

  // A page may be answered by what is no end, as one that has been deregistered meanwhile.
  #answered() {
    if (this.asking && this.browser.doc?.querySelector('#busy')?.hidden) this.#waitsNoMore();
  }

  #deregistered(ending) {
    this.#waitsNoMore();
    if (ending !== 'timed-out') return;
    if (this.spoke) { this.#settled(); return; } // the end came before the page that says that there is none
    this.doubt = true;
    this.picture.wait('已告知客户超时；开户行迟到的答复再过 5 秒到', 'Told “timed out”; the late approval comes in 5 s', 5000);
  }

  #settled() {
    this.doubt = false;
    this.picture.waited();
    this.done('deregister');
  }

  // A step that has ended, however it did, leaves no bar behind.
  #waitsNoMore() {
    clearTimeout(this.asking);
    this.asking = 0;
    this.picture.waited();
  }

  // ---- running ----

  async run(list) {
    if (this.#running) return;
    const control = new AbortController();
    this.#labelAll(true);
    for (const s of list) {
      this.#running = { id: s.id, stop: () => control.abort() };
      if (!(await this.#one(s, control.signal))) break;
    }
    this.#running = null;
    this.#labelAll(false);
  }

  async #one(s, signal) {
    const { note, row } = this.#rows.get(s.id);
    const say = (text) => { note.hidden = false; note.textContent = text; };
    const hand = new Hand(this.phone, say, signal);
    row.classList.remove('odd');
    note.textContent = '';
    note.hidden = true;
    this.#label(s.id, true);
    this.#face(row);
    hand.show();
    try {
      await s.act(hand, this);
      this.done(s.id);
      note.hidden = true;
      return true;
    } catch (error) {
      if (error instanceof Stopped) { note.hidden = true; return false; }
      row.classList.add('odd');
      say(error instanceof Odd ? error.message : '没有做成：' + error.message);
      return false;
    } finally {
      hand.hide();
      this.#label(s.id, false);
      this.#waitsNoMore();
    }
  }

  // Both the step and the phone are to be seen; where all is stacked, the phone.
  #face(row) {
    const stand = $('#stand').getBoundingClientRect();
    if (innerWidth < 760) scrollTo({ top: scrollY + stand.top - 8, behavior: 'smooth' });
    else row.scrollIntoView({ block: 'nearest' });
  }
}

// An end of a deregistration, not a card of money that moved meanwhile, nor a text that links to the page.
const endsIt = (e) => JSON.stringify(e.card ?? e.text ?? '').includes('注销') && !e.text?.includes('<a ');

function balanceIn(doc) {
  return doc?.querySelector('[data-balance=approved]') ?? null;
}

// ---- what a hand can do ----

/** ready brings the phone to the chat, following. */
async function ready(hand) {
  const { phone, browser } = hand;
  if (browser.isOpen) await hand.tap(browser.leave);
  if (!phone.me.following) {
    hand.say('先关注公众号');
    await hand.tap(await hand.on('#follow', '关注按钮'));
  }
  await hand.until(() => phone.me.following, '关注成功');
  if (!$('#profile').hidden) await hand.tap(await hand.on('#enter, #from-profile', '返回对话'));
  if (!$('#map').hidden) await hand.tap(await hand.on('#map .bare', '取消'));
}

/** menu opens a column and takes the item of that name. */
async function menu(hand, name) {
  const { sim } = hand.phone;
  const column = sim.state.menu?.find((c) => c.items?.some((i) => i.name === name));
  if (!column) throw new Odd(`公众号的菜单里没有「${name}」`);
  hand.say(`点菜单「${column.name}」→「${name}」`);
  const toMenu = $('#to-menu');
  if (seen(toMenu)) await hand.tap(toMenu);
  await hand.tap(await hand.on(`[data-column="${column.name}"]`, '菜单'));
  await hand.tap(await hand.on(`[data-item="${name}"]`, '菜单项'));
}

/** next finds the account's first entry from now on that is wanted. */
function next(wanted) {
  const before = new Set($$('#talk > *').map((n) => n.dataset.id));
  return () => $$('#talk > *').find((n) => n.dataset.id && !before.has(n.dataset.id) && !n.matches('.mine') && wanted(n));
}

/** after does something in the chat, and returns the account's next entry that is wanted. */
async function after(hand, act, wanted, what, ms = 12_000) {
  const find = next(wanted);
  await act();
  return hand.until(find, what, ms);
}

/** told waits for what the centre tells by itself; where WeChat has had enough of that today, it says so. */
function told(hand, find, what, ms) {
  let since = 0; // a text may still come in the place of a card that was refused
  return hand.until(() => {
    const found = find();
    if (found || !hand.phone.sim.state.faults?.limited) return found;
    since ||= Date.now();
    if (Date.now() - since > 3000) throw new Odd(limited);
    return null;
  }, what, ms);
}

const link = (part) => (node) => $$('a', node).find((a) => a.getAttribute('href').includes(part));

/** sends types words into the chat. */
async function words(hand, text) {
  hand.say(`发送「${text}」`);
  const toText = $('#to-text');
  if (seen(toText)) await hand.tap(toText);
  await hand.type(await hand.on('#words', '输入框'), text);
  await hand.tap(await hand.on('#send', '发送按钮'));
}

/** sent presses the main button, and returns the page's end; an alert is odd. */
async function sent(hand, what, ms = 20_000) {
  const before = hand.browser.doc;
  const old = alertOf(before);
  await hand.tap(await hand.in('[data-primary]', '确定按钮'));
  const end = await hand.page((doc) => {
    const said = alertOf(doc);
    if (said && (doc !== before || said !== old)) throw new Odd(`页面说：「${said}」`);
    return doc.querySelector('[data-result]');
  }, what, ms);
  const words = end.querySelector('p')?.textContent.trim() ?? '';
  return { how: end.dataset.result, words };
}

async function approved(hand, what) {
  const { how, words } = await sent(hand, what);
  if (how !== 'approved') throw new Odd(`没有办成（${how}）：「${words}」`);
  hand.say(`「${words}」`);
  await hand.pause(900);
}

/** code has one sent and fills it in; the bank is chosen where the page asks for it. */
async function code(hand, account) {
  for (let asked = 0; ; asked++) {
    const button = await hand.in('[data-code]', '「获取验证码」');
    if (button.disabled) hand.say('60 秒内不可重复获取，等一会儿');
    await hand.page((doc) => doc.querySelector('[data-code]:not([disabled])'), '可以再次获取验证码', 70_000);
    hand.say('获取验证码：中心造码，由开户行发短信');
    const texts = hand.phone.texts.length;
    const before = hand.browser.doc;
    const old = alertOf(before);
    await hand.tap(await hand.in('[data-code]', '「获取验证码」'));
    const came = await hand.until(() => {
      const text = hand.phone.texts.slice(texts).find((t) => t.code);
      if (text) return text;
      const { doc, loading } = hand.browser;
      const said = loading ? '' : alertOf(doc);
      return said && (doc !== before || said !== old) ? { said, ask: seen(doc.querySelector('#bank')) } : null;
    }, '短信', 15_000);
    if (came.code) { await take(hand, came); return; }
    if (!came.ask || asked > 0) throw new Odd(`页面说：「${came.said}」`);
    hand.say('这个账号看不出开户行，选一下');
    await hand.choose(await hand.in('#bank', '开户行'), account.bank);
  }
}

async function take(hand, text) {
  await hand.in('#code', '验证码输入框');
  await hand.pause(450); // to be read; and a page under way comes to rest
  await hand.in('#code', '验证码输入框');
  hand.say(`短信来了，点横幅填入 ${text.code}`);
  const banner = $(`[data-sms="${text.id}"]`);
  if (seen(banner)) await hand.tap(banner);
  const field = await hand.in('#code', '验证码输入框');
  if (field.value !== text.code) await hand.type(field, text.code);
}

async function account(hand, a) {
  await hand.type(await hand.in('#account', '卡号输入框'), a.number);
  const bank = hand.browser.doc.querySelector('#bank');
  if (seen(bank)) await hand.choose(bank, a.bank);
}

// ---- the steps ----

async function authenticateAndSet(hand, run) {
  await ready(hand);
  await menu(hand, '客户认证');
  const first = await hand.page((doc) => doc.querySelector('#cert_type, [data-nav=settings], [data-nav=deregister]'), '客户认证页面');
  if (first.matches('#cert_type')) await authenticate(hand);
  await hand.follow(await hand.in('a[href^="/h5/settings"]', '「登录设置」'));
  run.done('authenticate');
  await settings(hand);
}

async function authenticate(hand) {
  const p = hand.phone.sim.state.person;
  if (!p?.accounts?.length) throw new Odd('模拟银行里没有这位客户的账户');
  hand.say('填写证件和卡号');
  await hand.choose(await hand.in('#cert_type', '证件类型'), p.cert_type);
  await hand.type(await hand.in('#cert_number', '证件号码'), p.cert);
  await account(hand, p.accounts[0]);
  await code(hand, p.accounts[0]);
  hand.say('勾选同意');
  await hand.choose(await hand.in('#terms', '服务协议'), true);
  await hand.choose(await hand.in('#notices', '动账通知同意'), true);
  hand.say('确定：证件和账号交开户行核对');
  await approved(hand, '认证结果');
}

/** settings sets both passwords, where the page lets one. */
async function settings(hand) {
  const seenFirst = await hand.page((doc) => doc.querySelector('#login, #payment, [role=status]'), '登录设置页面');
  if (!seenFirst.matches('input')) throw new Odd(`登录设置：「${seenFirst.textContent.trim()}」`);
  const { doc } = hand.browser;
  if (doc.querySelector('#old_login, #old_payment')) return; // they are set
  hand.say('设置登录密码和支付密码，在手机上加密后才离开');
  for (const [id, value] of [['login', passwords.login], ['login_again', passwords.login], ['payment', passwords.payment], ['payment_again', passwords.payment]]) {
    if (doc.querySelector('#' + id)) await hand.type(await hand.in('#' + id, '密码输入框'), value);
  }
  await approved(hand, '设置结果');
}

/** accounts opens 账户管理, by authentication, settings and login where they are missing. */
async function accounts(hand) {
  await ready(hand);
  const said = await after(hand, () => menu(hand, '账户查询'), link('/h5/accounts'), '公众号的回复');
  hand.say('点回复里的链接');
  await hand.tap(link('/h5/accounts')(said));
  for (let tries = 0; tries < 5; tries++) {
    const at = await hand.page((doc) => doc.querySelector('#cert_type, #login, #password, [data-account], .message h1'), '账户管理页面');
    if (at.matches('[data-account]')) return;
    if (at.matches('#cert_type')) { await authenticate(hand); await hand.follow(await hand.in('[data-primary]', '「登录设置」')); }
    else if (at.matches('#login')) { await settings(hand); await hand.follow(await hand.in('[data-primary]', '「账户查询」')); }
    else if (at.matches('#password')) await login(hand);
    else throw new Odd(`页面说：「${at.parentElement.textContent.trim().replace(/\s+/g, ' ').slice(0, 60)}」`);
  }
  throw new Odd('没有到达账户管理页面');
}

async function login(hand) {
  hand.say('用微信登录密码登录');
  await hand.type(await hand.in('#password', '登录密码'), passwords.login);
  const before = hand.browser.doc;
  await hand.tap(await hand.in('[data-primary]', '「登录」'));
  await hand.page((doc) => {
    const said = alertOf(doc);
    if (said) throw new Odd(`页面说：「${said}」`);
    return doc !== before;
  }, '登录');
}

async function balance(hand) {
  await accounts(hand);
  const line = await hand.page(balanceIn, '余额', 20_000);
  hand.say(line.textContent.trim().replace(/\s+/g, ' '));
  await hand.to(line);
  await hand.pause(900);
  hand.say('看交易明细');
  await hand.follow(await hand.in('[data-nav=details]', '「交易明细」'));
  await hand.in('.tabs, [role=status]', '交易明细');
  await hand.pause(1200);
}

async function attach(hand) {
  await accounts(hand);
  const another = free(hand);
  if (!another) { hand.say('这位客户的账户都已加挂'); return; }
  hand.say('添加删除 → 「+」');
  await hand.follow(await hand.in('[data-nav=edit]', '「添加删除」'));
  await hand.follow(await hand.in('[data-nav=add]', '「+」'));
  const page = await hand.page((doc) => doc.querySelector('#account, [data-nav=settings]'), '账户加挂页面');
  if (page.matches('[data-nav=settings]')) throw new Odd('尚未设置微信支付密码，无法加挂');
  hand.say(`加挂${another.bank_name ?? another.bank}尾号 ${another.number.slice(-4)}`);
  await account(hand, another);
  await code(hand, another);
  await hand.type(await hand.in('#payment', '支付密码'), passwords.payment);
  hand.say('确定：由那家银行核对后同意');
  await approved(hand, '加挂结果');
}

// An account of the person that the page does not show yet; rather at another bank.
function free(hand) {
  const { person } = hand.phone.sim.state;
  const shown = $$('[data-account]', hand.browser.doc).map((n) => n.textContent).join(' ');
  const left = person.accounts.filter((a) => !shown.includes(a.number.slice(-4)));
  return left.find((a) => a.bank !== person.accounts[0].bank) ?? left[0];
}

async function movement(hand, run) {
  const { phone } = hand;
  if (!run.isCustomer) await authenticateAndSet(hand, run);
  await ready(hand);
  hand.say('在银行消费 ¥32.50，银行主动通知中心');
  const find = next((n) => n.textContent.includes('32.50'));
  await spend(phone);
  const card = await told(hand, find, '动账卡片。未认证、未同意动账通知或取消关注的，不会收到', 15_000);
  hand.say(card.matches('.card') ? '动账通知到了' : '卡片被微信拒绝，改用客服消息告知');
  await hand.to(card);
  await hand.pause(1200);
}

async function visit(hand) {
  await ready(hand);
  await after(hand, () => menu(hand, '网点预约'), (n) => n.matches('.said'), '公众号的回复');
  hand.say('「+」→「位置」→「发送」');
  await hand.tap(await hand.on('#to-text', '键盘按钮'));
  await hand.tap(await hand.on('#plus', '「+」'));
  await hand.tap(await hand.on('#to-map', '「位置」'));
  const place = hand.phone.sim.state.places?.[0];
  if (!place) throw new Odd('地图上没有地点');
  await hand.tap(await hand.on('.map-place', '地点'));
  const choice = await after(hand, async () => { await hand.tap(await hand.on('#send-place', '发送按钮')); }, (n) => n.textContent.includes('【1】'), '「【1】网点预约、【2】特惠商户」');
  await hand.to(choice);
  const list = await after(hand, () => words(hand, '1'), link('/h5/branches/'), '附近网点');
  hand.say('打开最近的网点');
  await hand.tap(link('/h5/branches/')(list));
  await hand.follow(await hand.in('[data-nav=visit]', '「预约」'));
  hand.say('选业务，填手机号');
  await hand.choose(await hand.in('[name=business]', '预约业务'), true);
  await hand.type(await hand.in('#phone', '手机号码'), hand.phone.sim.state.person?.phone || '13900001234');
  hand.say('确定：预约交网点所属银行');
  await approved(hand, '预约结果');
}

async function deregister(hand, run) {
  const { sim } = hand.phone;
  await ready(hand);
  const said = await after(hand, () => words(hand, 'zx'), link('/h5/deregister'), '公众号的回复');
  await hand.tap(link('/h5/deregister')(said));
  const page = await hand.page((doc) => doc.querySelector('form [data-primary], .message h1'), '客户注销页面');
  if (!page.matches('[data-primary]')) {
    hand.say(`「${page.parentElement.querySelector('p')?.textContent.trim()}」那就先认证`);
    await hand.pause(1200);
    await authenticateAndSet(hand, run);
    await deregister(hand, run);
    return;
  }
  hand.say('让开户行这一次 10 秒后才答');
  await sim.post('late-deregister');
  await hand.pause(700);
  hand.say('确认注销；中心只等 5 秒');
  const find = next((n) => n.textContent.includes('注销') && (n.matches('.card') || !$('a', n)));
  const { how, words: text } = await sent(hand, '注销结果', 25_000);
  if (how !== 'timed-out') throw new Odd(`没有超时（${how}）：「${text}」`);
  hand.say(`「${text}」存疑不等于失败，等迟到的答复`);
  await hand.pause(1800);
  await hand.tap(hand.browser.leave);
  const late = await told(hand, find, '迟到的答复', 30_000);
  await hand.to(late);
  hand.say('迟到的同意到了：注销已生效，并告知客户');
  await hand.pause(900);
}
