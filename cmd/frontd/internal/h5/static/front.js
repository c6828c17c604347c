// What the pages do beyond HTML: forms that survive a lost network and a second
// tap, sealed passwords, countdowns, and balances that come one by one.
"use strict";
(() => {
  const words = {
    busy: "处理中…", code: "正在获取…", offline: "网络连接已断开，请检查网络后再点一次按钮，不会重复办理",
    offlineRead: "网络连接已断开", retry: "重试", same: "两次输入的密码不一致，请重新输入", empty: "请填写密码", seal: "页面已过期，请刷新后重新输入",
    insecure: "当前页面不安全，无法提交密码", wait: "秒后重发", again: "获取验证码", valid: "验证码有效时间还剩",
    down: "系统繁忙，请稍后再试",
  };
  const part = { "X-Part": "1" };

  // ---- busy: one thing at a time
  const busy = document.getElementById("busy");
  const busyText = document.getElementById("busy-text");
  function setBusy(text) {
    busy.hidden = !text;
    busyText.textContent = text || "";
  }

  // mark shows which field is wrong, in place of the one that was.
  function mark(form, field) {
    for (const other of form.querySelectorAll("[aria-invalid]")) other.removeAttribute("aria-invalid");
    if (field) field.setAttribute("aria-invalid", "true");
  }

  function alertIn(form, text, field) {
    mark(form, field);
    const box = form.querySelector("[role=alert]");
    if (!box) return;
    box.textContent = text;
    box.hidden = false;
    box.focus();
    box.scrollIntoView({ block: "center" });
  }

  // ---- passwords are sealed with the switch's key of the day, and a nonce
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const base64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  class Wrong extends Error {
    constructor(text, field) {
      super(text);
      this.field = field;
    }
  }

  function typedPasswords(form) {
    const typed = [];
    for (const input of form.querySelectorAll("input[data-seal]")) {
      if (input.dataset.same) {
        if (input.value !== form.querySelector("#" + input.dataset.same).value) throw new Wrong(words.same, input);
        continue;
      }
      const sealed = form.querySelector(`input[type=hidden][name="${input.id}"]`);
      if (input.value) typed.push({ input, sealed });
      else if (!input.hasAttribute("data-optional") && !sealed.value) throw new Wrong(words.empty, input);
    }
    const fresh = form.querySelectorAll("input[data-seal]:not([data-same])").length;
    const kept = form.querySelector("input[data-seal] ~ input[type=hidden][value]:not([value=''])");
    if (fresh && !typed.length && !kept) throw new Wrong(words.empty);
    return typed;
  }

  async function seal(form) {
    const typed = typedPasswords(form);
    if (!typed.length) return;
    if (!window.crypto || !crypto.subtle) throw new Wrong(words.insecure);
    const answer = await fetch("/h5/page-key", { headers: part, credentials: "same-origin" });
    if (!answer.ok) throw new Wrong(answer.status === 403 ? words.seal : words.down);
    const { kid, spki, nonce } = await answer.json();
    const key = await crypto.subtle.importKey("spki", bytes(spki), { name: "RSA-OAEP", hash: "SHA-256" }, false, ["encrypt"]);
    for (const { input, sealed } of typed) {
      const clear = new TextEncoder().encode(JSON.stringify({ nonce, value: input.value }));
      sealed.value = kid + "." + base64url(await crypto.subtle.encrypt({ name: "RSA-OAEP" }, key, clear));
    }
    for (const input of form.querySelectorAll("input[data-seal]")) input.value = "";
  }

  // ---- forms
  async function post(url, body) {
    return fetch(url, { method: "POST", body, headers: part, credentials: "same-origin" });
  }

  // take shows what a form was answered with: a page to go to, or the form again.
  async function take(answer, selector) {
    if (answer.headers.has("X-To")) {
      location.assign(answer.headers.get("X-To"));
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector(selector) || page.querySelector("#main");
    if (!fresh) throw new Error("no page of ours");
    // Nothing was done, and no form is there to go on with: the one that was sent stays.
    if (answer.status >= 500 && !page.querySelector("form[data-form]") && document.querySelector("[role=alert]")) throw new Wrong(words.down);
    const old = document.querySelector(page.querySelector(selector) ? selector : "#main");
    document.title = page.title;
    const code = selector === "#code-part" && old.querySelector("#code");
    const typed = code ? code.value : "";
    old.replaceWith(document.adoptNode(fresh));
    // The short message may come before the answer: what it filled in stays, where the
    // form does.
    const again = document.getElementById("code");
    if (typed && again) again.value = typed;
    begin();
    const alert = document.querySelector("[role=alert]:not([hidden])");
    if (selector === "#main") {
      window.scrollTo(0, 0);
      if (alert) alert.focus();
    }
    return page;
  }

  // done frees a form that was sent: at once or, where it led to a page that is on its
  // way and belongs to another session, should that not come.
  function done(form, leaves) {
    if (leaves) {
      setTimeout(() => done(form, false), 15000);
      return;
    }
    delete form.dataset.sending;
    setBusy("");
  }

  async function submit(form) {
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    setBusy(words.busy);
    let leaves = false;
    try {
      // What was sent and not answered is sent again as it was: its key learns the end.
      if (!form.unanswered) {
        await seal(form);
        form.unanswered = new URLSearchParams(new FormData(form));
      }
      const answer = await post(form.action, form.unanswered);
      form.unanswered = null;
      leaves = !(await take(answer, "#main"));
    } catch (error) {
      alertIn(form, error instanceof Wrong ? error.message : words.offline, error.field);
    } finally {
      done(form, leaves);
    }
  }

  async function askCode(form, button) {
    if (form.dataset.sending) return;
    form.dataset.sending = "1";
    button.disabled = true;
    setBusy(words.code);
    let asked = false, leaves = false;
    try {
      const answer = await post(button.getAttribute("formaction"), new URLSearchParams(new FormData(form)));
      const page = await take(answer, "#code-part");
      leaves = !page;
      if (leaves) return;
      asked = true;
      takeAlert(form, page);
    } catch (error) {
      alertIn(form, error instanceof Wrong ? error.message : words.offline);
    } finally {
      if (!asked) button.disabled = false;
      done(form, leaves);
    }
  }

  // takeAlert shows what was wrong with asking for a code, where only its part of the
  // form was replaced; and the 开户行, if that must be chosen first.
  function takeAlert(form, page) {
    const fresh = page.querySelector("[role=alert]");
    const old = form.querySelector("[role=alert]");
    if (fresh && old) {
      old.textContent = fresh.textContent;
      old.hidden = fresh.hidden;
      if (!fresh.hidden) old.focus();
    }
    const wrong = page.querySelector("[aria-invalid=true]");
    mark(form, wrong && document.getElementById(wrong.id));
    const bank = page.getElementById("bank");
    if (bank && !document.getElementById("bank")) {
      document.getElementById("account").closest(".cell").after(document.adoptNode(bank.closest(".cell")));
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-form]");
    if (!form) return;
    event.preventDefault();
    const button = event.submitter;
    if (button && button.hasAttribute("data-code")) askCode(form, button);
    else submit(form);
  });
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form) form.unanswered = null;
  });

  // ---- what is to be read before a form is sent is shown over it, so that nothing
  // typed is lost. The phone's own way back closes it, too: it stands in the history,
  // without address or content.
  let stands = false; // there
  async function read(link, sheet) {
    try {
      const answer = await fetch(link.href, { credentials: "same-origin" });
      if (!answer.ok) throw new Wrong(words.down);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      sheet.firstElementChild.replaceChildren(...page.getElementById("main").childNodes);
      if (sheet.open) return; // a second tap
      sheet.showModal();
      history.pushState(null, "");
      stands = true;
    } catch (error) {
      alertIn(link.closest("form"), error instanceof Wrong ? error.message : words.offlineRead);
    }
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-reads]");
    const sheet = link && document.getElementById(link.dataset.reads);
    if (!sheet || !sheet.showModal || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    read(link, sheet);
  });
  window.addEventListener("popstate", () => {
    stands = false;
    const sheet = document.querySelector("dialog[open]");
    if (sheet) sheet.close();
  });
  document.addEventListener("close", () => {
    if (stands) history.back();
  }, true); // it does not bubble

  // ---- countdowns
  let ticking = 0;
  function countdown() {
    clearInterval(ticking);
    const button = document.querySelector("button[data-code]");
    if (!button) return;
    const began = Date.now();
    const again = Number(button.dataset.again) || 0;
    const valid = document.querySelector("[data-valid]");
    const good = valid ? Number(valid.dataset.valid) : 0;
    const tick = () => {
      const past = Math.floor((Date.now() - began) / 1000);
      const wait = Math.max(0, again - past);
      button.disabled = wait > 0;
      button.textContent = wait > 0 ? wait + words.wait : words.again;
      const left = Math.max(0, good - past);
      if (valid) valid.textContent = left ? `${words.valid}${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "";
      if (!wait && !left) clearInterval(ticking);
    };
    tick();
    ticking = setInterval(tick, 1000);
  }

  // ---- parts of a page that come by themselves
  async function load(box) {
    if (box.dataset.loading) return;
    box.dataset.loading = "1";
    const wait = document.createElement("span");
    wait.className = "waiting";
    box.replaceChildren(wait);
    try {
      const answer = await fetch(box.dataset.part, { headers: part, credentials: "same-origin" });
      if (answer.status === 403 || answer.headers.has("X-To")) {
        location.reload(); // who asks, or what must be done first, is the page's business
        return;
      }
      if (!answer.ok) throw new Wrong(words.down); // not a part of ours
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      box.replaceChildren(...page.body.childNodes);
    } catch (error) {
      box.replaceChildren((error instanceof Wrong ? error.message : words.offlineRead) + " ");
      const link = document.createElement("a");
      link.href = "";
      link.className = "inline-link";
      link.dataset.againPart = "";
      link.textContent = words.retry;
      box.append(link);
    } finally {
      delete box.dataset.loading;
    }
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-again-part]");
    if (link && link.closest("[data-part]")) {
      event.preventDefault();
      load(link.closest("[data-part]"));
    }
  });

  // ---- older movements are added to those that are shown
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-more]");
    const list = document.getElementById("movements");
    if (!link || !list || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    if (link.dataset.loading) return;
    link.dataset.loading = "1";
    setBusy(words.busy);
    try {
      const answer = await fetch(link.href, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const rows = page.querySelectorAll("#movements > li");
      if (!answer.ok || !rows.length) {
        location.assign(link.href);
        return;
      }
      list.append(...rows);
      document.getElementById("more").replaceWith(page.getElementById("more"));
    } catch {
      location.assign(link.href);
    } finally {
      delete link.dataset.loading;
      setBusy("");
    }
  });

  // ---- back to the chat, where the page is inside WeChat
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]") && window.WeixinJSBridge) window.WeixinJSBridge.call("closeWindow");
  });
  function closers() {
    for (const button of document.querySelectorAll("[data-close]")) button.hidden = !window.WeixinJSBridge;
  }
  document.addEventListener("WeixinJSBridgeReady", closers);

  // A page that comes back from the browser's memory is asked for again: its form has
  // been sent.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  function begin() {
    countdown();
    closers();
    for (const box of document.querySelectorAll("[data-part]:not([data-begun])")) {
      box.dataset.begun = "1";
      load(box);
    }
  }
  begin();
})();
