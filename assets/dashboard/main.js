// Logging in, asking again and again, and what the page does when the server is away.

import { ApiError, get, setKey } from "./dashboard-api.js";
import { recolour } from "./dashboard-charts.js";
import { $ } from "./dashboard-dom.js";
import * as flow from "./dashboard-flow.js";
import * as people from "./dashboard-people.js";
import * as rejects from "./dashboard-rejects.js";

const EVERY_MS = 2000;
const REJECTS_EVERY = 3; // of those
const RETRY_MAX_MS = 8000;

let session = 0; // 0: not logged in; a loop ends when it is not its own any more
let failures = 0;

function setState(kind, text) {
  const state = $("state");
  state.className = `state ${kind}`;
  if (state.textContent !== text) state.textContent = text;
}

function showLogin(message = "") {
  session = 0;
  setKey("");
  setState("", "");
  for (const id of ["app", "sections", "logout"]) $(id).hidden = true;
  $("login").hidden = false;
  $("login-error").textContent = message;
  $("key").focus();
}

function explainLogin(error) {
  if (error.status === 401) return "This key is not valid: check that it is whole, and neither revoked nor expired.";
  if (error.status === 403) return "This key is valid, but lacks the scope admin, which the dashboard needs.";
  return `Not logged in: ${error.message}.`;
}

/** A failure while the page is open: a key that is no longer good ends the session, everything else is tried again. */
function report(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401 || error.status === 403) {
    showLogin(error.status === 401 ? "The key is not valid any more. Log in again." : explainLogin(error));
    return;
  }
  failures++;
  setState("away", error.status === 0 ? "No contact; trying again" : `${error.message}; trying again`);
}

async function round(number) {
  const { data } = await get("/v1/stats");
  flow.show(data);
  if (number % REJECTS_EVERY === 0) {
    await rejects.refresh();
    people.suggest(rejects.users());
  }
  failures = 0;
  setState("live", "Live");
}

async function loop() {
  const mine = session;
  for (let number = 0; session === mine; number++) {
    if (!document.hidden) {
      try {
        await round(failures > 0 ? 0 : number);
      } catch (error) {
        if (session === mine) report(error);
      }
    }
    const pause = failures === 0 ? EVERY_MS : Math.min(RETRY_MAX_MS, 500 * 2 ** failures);
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
}

async function logIn(key) {
  setKey(key);
  await get("/v1/stats");
  session = Math.random();
  failures = 0;
  [flow, people, rejects].forEach((part) => part.reset());
  $("login").hidden = true;
  for (const id of ["app", "sections", "logout"]) $(id).hidden = false;
  $("key").value = "";
  $("content").focus();
  loop();
}

function beginTheme() {
  const themes = ["system", "light", "dark"];
  const button = $("theme");
  let theme = 0;
  button.addEventListener("click", () => {
    theme = (theme + 1) % themes.length;
    document.documentElement.dataset.theme = themes[theme];
    button.textContent = `Theme: ${themes[theme]}`;
    recolour();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
}

beginTheme();
people.begin();
rejects.begin(report);
$("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  $("login-error").textContent = "";
  button.disabled = true;
  logIn($("key").value.trim()).catch((error) => showLogin(explainLogin(error))).finally(() => { button.disabled = false; });
});
$("logout").addEventListener("click", () => showLogin());
showLogin();
