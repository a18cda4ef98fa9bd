// The dashboard in a real browser: a team's story from the first release to a rollback by hand, then every page.
//
// node story.mjs '{"base": …, "link": …, "token": …, "go": …, "view": {"device", "theme", "language", "script"}}'
// RMM_BROWSER: where playwright-core and @axe-core/playwright are installed. RMM_SCREENSHOTS: where pictures of the pages go.
// Ends with status 1 and what was wrong.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const { base, link, token, go, view } = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.RMM_BROWSER, 'package.json'));
const { chromium, devices } = require('playwright-core');
const { default: Axe } = require('@axe-core/playwright');
const pictures = process.env.RMM_SCREENSHOTS;
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const PATIENCE = 90_000;

const wrong = [];
const browser = await chromium.launch({
  executablePath: process.env.RMM_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update'],
});
const device = devices[view.device] ?? { viewport: { width: 1280, height: 800 } };
const context = await browser.newContext({
  ...device, colorScheme: view.theme, locale: view.language, javaScriptEnabled: view.script,
});
context.setDefaultTimeout(PATIENCE);
const page = await context.newPage();
page.on('console', (message) => message.type() === 'error' && wrong.push(`console: ${message.text()}`));
page.on('pageerror', (error) => wrong.push(`script: ${error}`));
page.on('request', (request) => new URL(request.url()).origin === base || wrong.push(`loads ${request.url()}`));

// The buttons of a page leave room for the rest of it, also on narrow phones.
const narrow = async (name) => {
  const usual = page.viewportSize();
  for (const width of [360, 412]) {
    await page.setViewportSize({ ...usual, width });
    const rows = await page.evaluate(() => new Set([...document.querySelectorAll('.acts > *')].map((act) => act.offsetTop)).size);
    if (rows > 2) wrong.push(`${name}: the buttons take ${rows} rows at ${width} px`);
    await inside(`${name} at ${width} px`);
  }
  await page.setViewportSize(usual);
};

// Nothing sticks out of what it stands in.
const inside = (name) => page.evaluate(() => [...document.querySelectorAll('button, .btn, .tabs .sheet a')].filter((one) => {
  const box = one.closest('.box, .sheet, .card')?.getBoundingClientRect(), own = one.getBoundingClientRect();
  return box && one.checkVisibility() && (own.right > box.right + 1 || one.scrollWidth > one.clientWidth + 1);
}).map((one) => one.textContent)).then((out) => out.forEach((text) => wrong.push(`${name}: ${text} sticks out`)));

// What holds for every page.
const look = async (name) => {
  const lang = await page.getAttribute('html', 'lang');
  if (lang !== view.language) wrong.push(`${name}: is in ${lang}`);
  const box = await page.locator('main').boundingBox();
  if (box.x + box.width > page.viewportSize().width + 1) wrong.push(`${name}: wider than the screen`);
  if (view.script) {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    if (wide) wrong.push(`${name}: scrolls sideways`);
    if (device.isMobile) await narrow(name);
    const { violations } = await new Axe({ page }).withTags(WCAG).analyze();
    for (const found of violations) {
      wrong.push(`${name}: ${found.id}: ${found.help}: ${found.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`);
    }
  }
  if (pictures) {
    const kind = [view.device, view.theme, view.language, view.script ? '' : 'without-script'].filter(Boolean).join('-');
    fs.mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: path.join(pictures, `${name}-${kind.replaceAll(' ', '-')}.png`), fullPage: true });
  }
};

const open = async (address) => {
  const answer = await page.goto(base + address);
  if (answer.status() >= 400) wrong.push(`${address}: ${answer.status()}`);
};

// Something comes to be seen: by itself where there is a script, else when the reader loads the page again.
const seen = async (selector) => {
  const found = page.locator(selector).first();
  if (view.script) return found.waitFor({ state: 'attached' });
  const until = Date.now() + PATIENCE;
  while (await found.count() === 0) {
    if (Date.now() > until) throw new Error(`${selector} was never seen at ${page.url()}`);
    await page.reload();
  }
};

const create = async (tag, commit) => {
  const answer = await fetch(`${base}/api/v1/releases`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ service: 'shop', tag, commit: commit.repeat(40), initiated_by: 'ann' }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).id;
};

// Opens a sheet and sends its form, as people do with a pointer, or with the keyboard.
const act = async (word, fill = {}, by = 'pointer') => {
  const form = `form[action$="/${word}"]`;
  const summary = page.locator(`details:has(${form}) > summary`);
  if (by === 'keyboard') await focused(`details:has(${form}) > summary`);
  await (by === 'keyboard' ? page.keyboard.press('Enter') : summary.click());
  for (const [field, value] of Object.entries(fill)) await page.fill(`${form} [name=${field}]`, value);
  if (by === 'keyboard') {
    await focused(`${form} button`);
    await Promise.all([page.waitForURL('**'), page.keyboard.press('Enter')]);
  } else {
    await page.click(`${form} button`);
  }
};

// Goes with the Tab key to something, and sees on the way where it is.
const focused = async (selector) => {
  for (let stop = 0; stop < 80; stop++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate((wanted) => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return {
        is: element.matches(wanted), name: element.outerHTML.slice(0, 80),
        hidden: element !== document.body && (outlineStyle === 'none' || outlineWidth === '0px'),
      };
    }, selector);
    if (at.hidden) wrong.push(`no focus is to be seen at ${at.name}`);
    if (at.is) return;
  }
  throw new Error(`the Tab key never comes to ${selector}`);
};

// The bar of actions covers nothing that has the focus.
const uncovered = async (name) => {
  for (let stop = 0; stop < 40; stop++) {
    await page.keyboard.press('Tab');
    const under = await page.evaluate(() => {
      const bar = document.querySelector('.acts'), at = document.activeElement;
      if (!bar || at === document.body || bar.contains(at) || getComputedStyle(bar).position !== 'fixed') return '';
      return at.getBoundingClientRect().bottom > bar.getBoundingClientRect().top ? at.outerHTML.slice(0, 80) : '';
    });
    if (under) wrong.push(`${name}: the bar covers ${under}`);
  }
};

// In a tab that is not seen, the icon tells what happens at once; and a viewer who is signed out is told so.
const unseen = async (address) => {
  const tab = await context.newPage();
  tab.on('console', (message) => message.type() === 'error' && wrong.push(`console of the other tab: ${message.text()}`));
  await tab.goto(base + address);
  await tab.waitForSelector('#live:not([hidden])');
  await tab.evaluate(() => {
    Object.defineProperty(document, 'hidden', { get: () => true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  return tab;
};

// A sheet opens at the button that was pressed.
const sheet = async (word) => {
  const form = `form[action$="/${word}"]`;
  await page.click(`details:has(> ${form}) > summary`);
  const [button, box] = await Promise.all([`details:has(> ${form}) > summary`, form].map((one) => page.locator(one).boundingBox()));
  const gap = box.y - (button.y + button.height);
  const beside = box.x <= button.x + button.width && box.x + box.width >= button.x;
  if (gap < 0 || gap > 16 || !beside) wrong.push(`${word}: its sheet opens elsewhere: ${JSON.stringify([button, box])}`);
  await page.click(`details:has(> ${form}) > summary`);
};

// Telegram's own colours: whatever they are, what stands on them can be read.
const colours = async () => {
  for (const [button, paper] of [['#5288c1', '#ffffff'], ['#f5a623', '#17212b']]) {
    const given = { bg_color: paper, secondary_bg_color: paper, button_color: button, button_text_color: '#ffffff', link_color: '#5288c1' };
    await page.evaluate((given) => sessionStorage.setItem('colours', JSON.stringify(given)), given);
    for (const [address, name] of [['/', 'board'], ['/services/shop/release', 'new-release']]) {
      await open(address);
      await look(`${name}-telegram-${paper.slice(1)}`);
    }
  }
  await page.evaluate(() => sessionStorage.clear());
  await open('/');
};

// The keys that lead about.
const keys = async () => {
  await page.keyboard.press('/');
  await page.waitForSelector('#q:focus');
  await page.keyboard.type('g');
  await page.locator('#q').evaluate((field) => { field.value = ''; field.blur(); });
  await page.keyboard.press('j');
  await page.waitForSelector('main a:focus');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open]');
  await look('keys');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog:not([open])', { state: 'attached' });
  // A menu is closed in the same way, and the focus is where it was opened.
  await page.click('.tabs summary');
  await page.focus('.tabs .sheet a');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.tabs details:not([open]) > summary:focus');
  await page.keyboard.press('g');
  await page.keyboard.press('i');
  await page.waitForURL('**/insights');
};

const story = async () => {
  await page.goto(link);
  await look('sign-in');
  await page.click('main form button');
  await page.waitForURL(`${base}/`);
  await look('board-empty');

  // A first release comes by itself; its stage deploy is watched.
  const first = await create('v1', 'a');
  await seen(`.card a[href="/releases/${first}"]`);
  await look('board');
  await page.click(`.card a[href="/releases/${first}"]`);
  await seen('#runs a[href^="/runs/"]');
  const run = await page.getAttribute('#runs a[href^="/runs/"]', 'href');
  await open(run.split(/[?#]/)[0]);
  await seen('.a-green');
  await seen('.a-mark');
  // A line is as high as its number, whatever stands in it.
  const heights = view.script && await page.evaluate(() => ['.ln', '.tx'].map((column) => document.querySelector(`#log ${column}`).scrollHeight));
  if (heights && heights[0] !== heights[1]) wrong.push(`run: the numbers are ${heights[0]} px high, their lines ${heights[1]} px`);
  await look('run');
  fs.writeFileSync(go, '');
  await open(`/releases/${first}`);
  await seen('form[action$="/approve"]');
  await look('release-vote');
  if (view.script && device.isMobile) await uncovered('release-vote');
  await act('approve', {}, view.script && !device.isMobile ? 'keyboard' : 'pointer');
  await seen('#status.s-ok');
  await look('release-deployed');

  // The second one fails in production and goes back by itself.
  const second = await create('v2', 'b');
  await open(`/releases/${second}`);
  await seen('form[action$="/approve"]');
  if (view.script && !device.isMobile) for (const word of ['approve', 'reject', 'cancel']) await sheet(word);
  const tab = view.script ? await unseen(`/releases/${second}`) : null;
  await act('approve');
  await seen('#status.s-back');
  // Without the stream it would ask every 20 s.
  await tab?.waitForFunction(() => document.querySelector('link[rel=icon]').href.includes('icon-back'), null, { timeout: 15_000 });
  await tab?.close();
  await look('release-rolled-back');

  // The third is taken back by hand.
  const third = await create('v3', 'c');
  await open(`/releases/${third}`);
  await seen('form[action$="/approve"]');
  await act('approve');
  await seen('#status.s-ok');
  await act('rollback', { reason: 'Prices are wrong' });
  await seen('#status.s-back');
  await open('/services/shop');
  await look('service-locked');
  await act('unlock');
  await seen('form[action$="/lock"]');

  for (const name of (process.env.RMM_PAGES ?? '').split(' ').filter(Boolean)) {
    await open(`/${name}`);
    await look(name.replace(/[^a-z]+/g, '-'));
  }
  await open('/');
  await look('board-ended');
  if (view.script) await colours();
  if (view.script && !device.isMobile) await keys();
  const other = view.script ? await unseen('/') : null;
  await open('/account');
  await look('account');
  await page.click('form[action="/logout"] button >> nth=0');
  await page.waitForURL('**/login');
  await look('login');
  await other?.waitForSelector('#signed-out:not([hidden]) a[href="/login?to=%2F"]', { timeout: 10_000 });
};

try {
  await story();
} catch (error) {
  wrong.push(String(error.stack ?? error));
  if (pictures) await page.screenshot({ path: path.join(pictures, 'where-it-ended.png') }).catch(() => {});
}
await browser.close();
for (const one of new Set(wrong)) console.error(one);
process.exit(wrong.length > 0 ? 1 : 0);
