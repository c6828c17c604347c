// A hand that uses the phone visibly, slowly enough to follow.

import { $, sleep, still } from './dom.js';
import { enter } from './phone.js';

/** Odd is something that is not as it should be; its message is for people. */
export class Odd extends Error {}

/** Stopped: somebody pressed stop. */
export class Stopped extends Error {}

const move = 600; // ms a move takes, all in all

/** seen: it is in its page and takes room. */
export const seen = (node) => Boolean(node?.isConnected && node.getClientRects().length);

/** alertOf returns what a page says is wrong, or nothing. */
export function alertOf(doc) {
  const node = [...(doc?.querySelectorAll('[role=alert]') ?? [])].find((a) => seen(a) && a.textContent.trim());
  return node?.textContent.trim() ?? '';
}

export class Hand {
  #node = $('#hand');

  /** say tells people what is being done; signal stops it. */
  constructor(phone, say, signal) {
    this.phone = phone;
    this.browser = phone.browser;
    this.say = say;
    this.signal = signal;
  }

  show() {
    const { left, top } = this.#node.dataset;
    if (!left) this.#put(300, 700);
    else this.#put(Number(left), Number(top));
    this.#node.hidden = false;
  }

  hide() { this.#node.hidden = true; }

  #put(x, y) {
    Object.assign(this.#node.dataset, { left: x, top: y });
    this.#node.style.setProperty('--x', x + 'px');
    this.#node.style.setProperty('--y', y + 'px');
  }

  async pause(ms) {
    await sleep(ms);
    if (this.signal.aborted) throw new Stopped();
  }

  /** until waits for find to return something, and says what did not come. */
  async until(find, what, ms = 10_000) {
    for (const end = Date.now() + ms; ;) {
      const found = find();
      if (found) return found;
      if (Date.now() > end) throw new Odd(`等了 ${Math.round(ms / 1000)} 秒，没有等到${what}`);
      await this.pause(60);
    }
  }

  /** page waits for a page, loaded and quiet, in which find finds something. */
  page(find, what, ms = 15_000) {
    return this.until(() => {
      const { doc, loading } = this.browser;
      return doc && !loading && doc.readyState === 'complete' ? find(doc) : null;
    }, what, ms);
  }

  /** in finds what can be seen in the page. */
  in(selector, what, ms) {
    return this.page((doc) => [...doc.querySelectorAll(selector)].find(seen), what, ms);
  }

  /** on finds what can be seen on the phone itself. */
  on(selector, what, ms) {
    return this.until(() => [...$('#screen').querySelectorAll(selector)].find(seen), what, ms);
  }

  /** to moves to a node. */
  async to(node) {
    this.#bring(node);
    await this.pause(still.matches ? 60 : 140);
    const at = this.#where(node);
    this.#put(at.x, at.y);
    await this.pause(still.matches ? 150 : move * 0.55);
  }

  /** tap moves to a node and presses it. */
  async tap(node) {
    await this.to(node);
    this.#node.classList.add('press');
    await this.pause(move * 0.2);
    this.#node.classList.remove('press');
    node.focus?.({ preventScroll: true });
    node.click();
    await this.pause(move * 0.2);
  }

  /** follow taps what leads to another page, and waits until that one is there. */
  async follow(node) {
    const before = this.browser.doc;
    await this.tap(node);
    await this.page((doc) => doc !== before, '下一页');
  }

  /** type writes a text, letter by letter. */
  async type(field, text) {
    if (field.value === text) return;
    await this.to(field);
    field.focus({ preventScroll: true });
    const step = Math.min(35, 500 / text.length);
    for (let n = 1; n <= text.length; n++) {
      enter(field, text.slice(0, n));
      await this.pause(step);
    }
    await this.pause(120);
    if (field.isConnected && field.value !== text) throw new Odd(`「${text.slice(0, 4)}…」没有写进输入框`);
  }

  /** choose takes an option, or ticks. */
  async choose(field, value) {
    if (field.type === 'checkbox' || field.type === 'radio') {
      if (field.checked !== Boolean(value)) await this.tap(field);
      return;
    }
    if (field.value === value) return;
    await this.to(field);
    enter(field, value);
    if (field.value !== value) throw new Odd('下拉框里没有要选的一项');
    await this.pause(180);
  }

  // Only what holds the node is scrolled, never the page around the phone.
  #bring(node) {
    const win = node.ownerDocument.defaultView;
    const behavior = still.matches ? 'auto' : 'smooth';
    const box = node.getBoundingClientRect();
    if (win !== window) {
      const room = win.innerHeight;
      if (box.top < 50 || box.bottom > room - 50) win.scrollBy({ top: box.top - room * 0.42, behavior });
      return;
    }
    const holder = node.closest('#talk');
    if (!holder) return;
    const around = holder.getBoundingClientRect();
    if (box.top < around.top || box.bottom > around.bottom) holder.scrollTop += (box.top - around.top) / this.phone.scale - 200;
  }

  // In the screen's own pixels: it is scaled, and so is what is in it.
  #where(node) {
    const box = node.getBoundingClientRect();
    const { scale } = this.phone;
    const screen = $('#screen').getBoundingClientRect();
    if (node.ownerDocument === document) return { x: (middle(box).x - screen.left) / scale, y: (middle(box).y - screen.top) / scale };
    const frame = this.browser.frame.getBoundingClientRect();
    return { x: (frame.left - screen.left) / scale + middle(box).x, y: (frame.top - screen.top) / scale + middle(box).y };
  }
}

// A wide line is pressed where a thumb would.
const middle = (box) => ({ x: box.left + Math.min(box.width / 2, 150), y: box.top + box.height / 2 });
