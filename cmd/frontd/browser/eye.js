// What a test sees of a phone, and where it has to touch. Evaluated anew for
// every question; nothing stays behind in the page.
((inPage) => {
  const frame = () => document.querySelector('#browser:not([hidden]) iframe');
  const doc = () => {
    if (!inPage) return document;
    const d = frame()?.contentDocument;
    return d && d.readyState === 'complete' && d.location.href !== 'about:blank' ? d : null;
  };
  const shown = (n) => n.getClientRects().length > 0 && n.ownerDocument.defaultView.getComputedStyle(n).visibility === 'visible';
  const words = (n) => (n.innerText ?? n.textContent).replace(/\s+/g, ' ').trim();
  const find = (css, text) => [...(doc()?.querySelectorAll(css) ?? [])].find((n) => shown(n) && (!text || words(n).includes(text)));
  const name = (n) => (n ? `<${n.localName}${n.id ? ' id=' + n.id : ''}${n.className ? ' class=' + JSON.stringify(n.className.baseVal ?? n.className) : ''}>` : 'nothing');

  const eye = {
    // seen: the words that can be read.
    seen: (css) => { const n = css ? find(css) : doc()?.body; return n ? words(n) : null; },
    all: (css) => [...(doc()?.querySelectorAll(css) ?? [])].filter(shown).map(words),
    has: (css, text) => Boolean(find(css, text)),
    value: (css) => { const n = find(css); return n ? (n.type === 'checkbox' || n.type === 'radio' ? String(n.checked) : n.value) : null; },
    attribute: (css, name) => find(css)?.getAttribute(name) ?? null,
    path: () => { const d = doc(); return d ? d.location.pathname + d.location.search : ''; },
    // open: the path of the page, once it is at rest.
    open: () => { const d = doc(); return d && eye.quiet() ? [d.location.pathname, d.location.pathname + d.location.search] : null; },
    focus: (css) => { const n = find(css); n?.focus(); return Boolean(n); },
    show: (css) => { const n = find(css); n?.scrollIntoView({ block: 'start', behavior: 'instant' }); return Boolean(n); },
    quiet: () => { const b = doc()?.getElementById('busy'); return Boolean(doc()) && (!b || b.hidden); },
    dated: (css, value) => {
      const n = find(css);
      if (!n) return false;
      n.value = value;
      n.dispatchEvent(new n.ownerDocument.defaultView.Event('input', { bubbles: true }));
      return n.value === value;
    },

    // spot: where to touch, in the window's pixels; or why not.
    spot: (css, text) => {
      const n = find(css, text);
      if (!n) return { why: 'it is not there' };
      if (n.disabled || n.closest('[inert]')) return { why: 'it is disabled' };
      n.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
      const r = n.getClientRects()[0];
      let x = r.left + r.width / 2, y = r.top + r.height / 2;
      const top = n.ownerDocument.elementFromPoint(x, y);
      if (!top || !(n === top || n.contains(top) || top.contains(n) && top.localName === 'label')) return { why: 'it is covered by ' + name(top) };
      if (inPage) {
        const f = frame(), box = f.getBoundingClientRect(), scale = box.width / f.offsetWidth;
        x = box.left + (f.clientLeft + x) * scale;
        y = box.top + (f.clientTop + y) * scale;
        const over = document.elementFromPoint(x, y);
        if (over !== f) return { why: 'the page is covered by ' + name(over) };
      }
      return { x, y, value: n.value ?? '' };
    },

    // alone: the page that is open fills the window, as on a phone of its size; for pictures.
    alone: (on) => {
      const f = frame();
      if (!f) return 0;
      if (!on) { f.hidePopover(); f.removeAttribute('popover'); f.removeAttribute('style'); return 0; }
      f.popover = 'manual';
      Object.assign(f.style, { position: 'fixed', inset: '0', width: '100vw', height: '100vh', margin: '0', border: '0', padding: '0', maxWidth: 'none', maxHeight: 'none' });
      f.showPopover();
      return f.contentDocument.documentElement.scrollHeight;
    },
    // chat: what stands in it.
    chat: () => [...document.querySelectorAll('#talk > [data-id]')].map((n) => ({
      id: Number(n.dataset.id), text: n.innerText.trim(),
      kind: n.matches('.card') ? 'card' : n.matches('.mine') ? 'mine' : n.matches('.theirs') ? 'theirs' : 'system',
    })),
    wide: () => { const e = doc()?.documentElement; return e ? e.scrollWidth - e.clientWidth : 0; },
  };

  // until asks again and again, for up to a second, until what an eye sees passes;
  // it returns what was seen last.
  const passes = {
    is: (got, want) => got === want, includes: (got, want) => (got ?? '').includes(want), has: (got, want) => (got ?? []).includes(want), other: (got, want) => Boolean(got) && got !== want,
    rest: (got, _, before) => got.why === undefined && before !== undefined && got.x === before.x && got.y === before.y,
  };
  eye.until = async (how, want, what, ...args) => {
    let got;
    for (const end = performance.now() + 1000; performance.now() < end;) {
      const before = got;
      got = eye[what](...args);
      if (passes[how](got, want, before)) return { ok: true, got };
      await new Promise((done) => setTimeout(done, 20));
    }
    return { ok: false, got };
  };
  return eye;
})
