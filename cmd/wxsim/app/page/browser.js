// The browser inside WeChat: a frame on this phone's own origin, so that its
// cookies are this follower's, and what stands in it can be filled in.

import { $, covered, el, icon } from './dom.js';

const slow = 15000; // after that the loading bar gives up

/**
 * Browser tells "page" when a page has loaded, "change" when something in it changes,
 * "sent" with the code of a form that led to a result, "closed".
 */
export class Browser extends EventTarget {
  #root = $('#browser');
  #frame = null;
  #began = 0;
  #seen = null;
  #code = ''; // of the form that was sent last
  loading = false;

  constructor(sim) {
    super();
    this.sim = sim;
    this.title = el('h2', { class: 'bar-title' });
    this.bar = el('div', { class: 'loading', hidden: true });
    this.backward = el('button', { class: 'bare', type: 'button', 'aria-label': '返回 Back', hidden: true, onclick: () => this.back() }, icon('back'));
    this.leave = el('button', { class: 'bare', type: 'button', 'aria-label': '关闭网页 Close', onclick: () => this.close() }, icon('close'));
    this.body = el('div', { class: 'browser-body' });
    this.#root.append(
      el('div', { class: 'bar browser-bar' },
        el('span', { class: 'bar-side' }, this.leave, this.backward), this.title,
        el('span', { class: 'bar-side right' }, el('button', { class: 'bare', type: 'button', 'aria-label': '刷新 Reload', onclick: () => this.reload() }, icon('again')))),
      this.bar, this.body);
  }

  get isOpen() { return !this.#root.hidden; }

  /** doc is the page's document, null while there is none that may be touched. */
  get doc() {
    try {
      const doc = this.#frame?.contentDocument;
      return doc && doc.readyState !== 'loading' && doc.location.href !== 'about:blank' ? doc : null;
    } catch { return null; }
  }

  get path() { return this.doc?.location.pathname ?? ''; }

  get frame() { return this.#frame; }

  /** own says which path of this origin an address of the front is; null for one of somebody else. */
  own(url) {
    const u = new URL(url, location.href);
    const front = this.sim.state?.front;
    const ours = u.origin === location.origin || (front ? u.origin === new URL(front).origin : true);
    return ours && u.pathname.startsWith('/h5/') ? u.pathname + u.search + u.hash : null;
  }

  open(url) {
    const path = this.own(url);
    this.#root.hidden = false;
    covered();
    this.#root.classList.add('opening');
    path ? this.#load(path) : this.#stub(url);
    this.leave.focus({ preventScroll: true });
  }

  close() {
    if (!this.isOpen) return;
    this.#root.hidden = true;
    covered();
    this.#empty();
    this.dispatchEvent(new Event('closed'));
  }

  back() { this.#frame?.contentWindow.navigation?.back(); }

  reload() { if (this.#frame) { this.#begin(); this.#frame.contentWindow.location.reload(); } }

  #empty() {
    this.#seen?.disconnect();
    this.#frame = null;
    this.body.replaceChildren();
    this.#end();
    this.backward.hidden = true;
  }

  #load(path) {
    this.#empty();
    this.title.textContent = '';
    this.#frame = el('iframe', { title: '网页 Page', src: path });
    this.#frame.addEventListener('load', () => this.#loaded());
    this.#begin();
    this.body.append(this.#frame);
  }

  #stub(url) {
    this.#empty();
    this.title.textContent = new URL(url).host;
    this.body.append(el('div', { class: 'stub' }, icon('globe', 'icon stub-icon'),
      el('h3', { text: '演示之外的网页' }), el('p', { class: 'en', text: 'A page outside the demo' }), el('p', { class: 'stub-url', text: url })));
  }

  #begin() {
    this.loading = true;
    this.#began = Date.now();
    this.bar.hidden = false;
    setTimeout(() => { if (this.loading && Date.now() - this.#began >= slow) this.#end(); }, slow + 50);
  }

  #end() {
    this.loading = false;
    this.bar.hidden = true;
  }

  #loaded() {
    this.#end();
    const doc = this.doc;
    if (!doc) return;
    const win = this.#frame.contentWindow;
    this.title.textContent = doc.title;
    this.backward.hidden = !win.navigation?.canGoBack;
    win.addEventListener('pagehide', () => this.#begin());
    this.#bridge(win);
    this.#watch(doc);
    if (this.#code && doc.querySelector('[data-result]')) this.dispatchEvent(new CustomEvent('sent', { detail: this.#code }));
    this.#code = '';
    this.dispatchEvent(new Event('page'));
  }

  // What pages expect inside WeChat: a bridge that can close the window.
  #bridge(win) {
    const call = (name) => { if (name === 'closeWindow') this.close(); };
    win.WeixinJSBridge = { call, invoke: call, on() {} };
    win.document.dispatchEvent(new win.Event('WeixinJSBridgeReady'));
  }

  #watch(doc) {
    this.#seen?.disconnect();
    let due = false;
    const tell = () => { due = false; this.dispatchEvent(new Event('change')); };
    this.#seen = new MutationObserver(() => { if (!due) { due = true; setTimeout(tell, 80); } });
    this.#seen.observe(doc.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ['hidden', 'disabled'] });
    doc.addEventListener('input', tell);
    doc.addEventListener('submit', (e) => { if (!e.submitter?.matches('[data-code]')) this.#code = doc.querySelector('#code')?.value ?? ''; });
  }
}
