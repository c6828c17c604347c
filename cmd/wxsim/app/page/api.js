// What the simulator tells and is told: the /sim API of this phone.

/** Sim holds the newest state and passes on what comes: events are state, chat, sms, hop, line. */
export class Sim extends EventTarget {
  state = null;
  #asked = 0;
  #later = 0;

  async start() {
    await this.refresh();
    const events = new EventSource('/sim/events');
    for (const name of ['chat', 'sms', 'hop']) {
      events.addEventListener(name, (e) => this.#tell(name, JSON.parse(e.data)));
    }
    events.addEventListener('state', () => this.#soon());
    events.addEventListener('open', () => { this.#tell('line', true); this.#soon(); });
    events.addEventListener('error', () => this.#tell('line', false));
  }

  async refresh() {
    const asked = ++this.#asked;
    const answer = await fetch('/sim/state', { cache: 'no-store' });
    if (!answer.ok) throw new Error('state: HTTP ' + answer.status);
    const state = await answer.json();
    if (asked !== this.#asked) return; // a newer one was asked for
    this.state = state;
    this.#tell('state', state);
  }

  /** post does something; what was refused throws with the simulator's reason. */
  async post(path, body = {}) {
    const answer = await fetch('/sim/' + path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok || said.error) throw new Error(said.error || 'HTTP ' + answer.status);
    return said;
  }

  on(name, heard) { this.addEventListener(name, (e) => heard(e.detail)); }

  #tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  // Many things may change at once: they are fetched once.
  #soon() {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.refresh().catch(() => this.#tell('line', false)), 60);
  }
}
