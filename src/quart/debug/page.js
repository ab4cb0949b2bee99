"use strict";
(() => {
  const { console: address, secret } = document.body.dataset;

  // Copy

  const button = document.getElementById("copy");
  const text = document.getElementById("text");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      // Browsers offer the clipboard to pages from localhost or by HTTPS alone.
      text.parentElement.open = true;
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy as text"; }, 2000);
  });

  // The console

  const ask = (parameters) => fetch(
    `${address}?${new URLSearchParams({ __debugger__: "yes", s: secret, ...parameters })}`,
    { method: "POST", cache: "no-store" },
  );

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function say(log, words) {
    log.append(make("div", { className: "relation", textContent: words }));
    log.scrollTop = log.scrollHeight;
  }

  function line(label, type, submit) {
    const input = make("input", { type, spellcheck: false, autocomplete: "off", ariaLabel: label });
    const form = make("form", {}, make("span", { textContent: label }), input);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(input.value);
      input.value = "";
    });
    return { form, input };
  }

  function open(place, frame) {
    const log = make("div", { className: "log" });
    const history = [];
    let at = 0;

    async function run(code) {
      let answer;
      try {
        answer = await ask({ cmd: code, frm: frame });
      } catch {
        say(log, "The server does not answer.");
        return;
      }
      if (answer.ok) {
        // Werkzeug's HTML, in which all output is escaped.
        const output = make("pre", {});
        output.innerHTML = await answer.text();
        log.append(output);
        log.scrollTop = log.scrollHeight;
      } else {
        askForPin(() => run(code));
      }
    }

    function askForPin(then) {
      const pin = line("PIN", "text", async (value) => {
        const answer = await ask({ cmd: "pinauth", pin: value });
        const result = answer.ok ? await answer.json() : null;
        if (result === null) {
          say(log, "This page is of a server that has ended, or the console does not trust the"
            + " host's name: load the page again, from localhost.");
        } else if (result.auth) {
          pin.form.replaceWith(prompt.form);
          prompt.input.focus();
          then();
        } else if (result.exhausted) {
          say(log, "There were too many wrong PINs: the server must be started anew.");
        } else {
          say(log, "This is not the PIN.");
        }
      });
      say(log, "The PIN is on the console of the server.");
      ask({ cmd: "printpin" });
      prompt.form.replaceWith(pin.form);
      pin.input.focus();
    }

    const prompt = line(">>>", "text", (code) => {
      if (code.trim()) { history.push(code); }
      at = history.length;
      run(code);
    });
    prompt.input.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (step && history[at + step] !== undefined) {
        at += step;
        prompt.input.value = history[at];
        event.preventDefault();
      }
    });
    place.replaceChildren(log, prompt.form);
    prompt.input.focus();
  }

  for (const place of secret ? document.querySelectorAll(".console") : []) {
    const opener = make("button", { type: "button", textContent: "Console" });
    opener.addEventListener("click", () => open(place, place.parentElement.dataset.frame));
    place.append(opener);
  }

  // A program that could not be imported

  if ("waits" in document.body.dataset) {
    setInterval(async () => {
      try {
        const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
        if (!answer.headers.has("x-quart-waits")) { location.reload(); }
      } catch {
        // The server is between two starts.
      }
    }, 1000);
  }
})();
