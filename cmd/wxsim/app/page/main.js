// The page beside and around the phone, put together.

import { Sim } from './api.js';
import { Browser } from './browser.js';
import { $, $$ } from './dom.js';
import { Faults } from './faults.js';
import { Hops } from './hops.js';
import { Person } from './person.js';
import { Phone } from './phone.js';
import { Steps } from './steps.js';

const sim = new Sim();
const browser = new Browser(sim);
const phone = new Phone(sim, browser);
const hops = new Hops(sim);
new Person(sim, phone);
new Faults(sim, phone);
new Steps(sim, phone, hops);

// All of these need to know who is who: they wait for the first state.
const early = $$('#all, .do-it, .text-button, #spend, #to-profile, #reset');
for (const button of early) button.disabled = true;
sim.addEventListener('state', () => { for (const button of early) button.disabled = false; }, { once: true });

sim.on('line', (up) => { $('#line-lost').hidden = up; });

$('#reset').addEventListener('click', async () => {
  $('#reset').disabled = true;
  if (await phone.act('reset')) location.reload();
  $('#reset').disabled = false;
});

// A start that finds no simulator tries again: it may be starting too.
for (let wait = 500; ; wait = Math.min(5000, wait * 2)) {
  try {
    await sim.start();
    break;
  } catch {
    $('#line-lost').hidden = false;
    await new Promise((done) => setTimeout(done, wait));
  }
}
phone.bottom();
