// The recommender at work: a user's history, what is recommended and why, and a coupon that changes it.

import { call, get, segment } from "./dashboard-api.js";
import { $, duration, el, hue, moment, number, title } from "./dashboard-dom.js";
import { draw } from "./dashboard-history.js";

const SHOWN = 8;
const COUPONS = 100;
const SEEN_WITHIN_MS = 10_000;

let user = "";
let turn = 0; // of the last request for a user: answers to earlier ones are not shown
const slip = new Map(); // event id -> {event, odds}
let recommended = [];

const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function reasons(item) {
  if (item.source === "popular") return el("p", { class: "hint" }, "Popular: bet on by others.");
  const strip = el("span", { class: "strip", "aria-hidden": "true" }, (item.because || []).map((why) => {
    const part = el("span", { class: `tag-${why.tag}` });
    part.style.flexGrow = why.share;
    return part;
  }));
  return el("div", { class: "because" }, strip, el("ul", {}, (item.because || []).map((why) =>
    el("li", { class: `tag-${why.tag}` }, el("span", {}, why.value), el("small", {}, `${why.tag} ${Math.round(100 * why.share)} %`)))));
}

function card(item) {
  const { event } = item;
  const taken = slip.has(event.event_id);
  const score = el("span", { class: "meter" });
  score.style.width = `${100 * item.score}%`;
  return el("li", { class: hue(event.sport), "data-event": event.event_id },
    el("div", { class: "head" }, el("strong", {}, title(event)), el("button", { type: "button", class: "quiet add", "aria-pressed": String(taken), "aria-label": `${taken ? "On the coupon" : "Add"}: ${title(event)}`, onclick: () => toggle(event) }, taken ? "On the coupon" : "Add")),
    el("p", { class: "hint" }, `${event.league}, ${event.country} · ${moment(event.begin_timestamp)}`),
    el("p", { class: "score" }, el("span", { class: "track" }, score), el("span", {}, item.source === "similar" ? `score ${item.score.toFixed(2)}` : "popular")),
    reasons(item));
}

/** Shows a list; what is new in it is marked for a moment. */
function showRecommended(items) {
  const known = new Set(recommended.map((item) => item.event.event_id));
  const changed = recommended.length > 0;
  recommended = items;
  const list = $("recommendations");
  const focused = document.activeElement?.closest("[data-event]")?.dataset.event;
  list.replaceChildren(...(items.length > 0 ? items.map(card) : [el("li", { class: "empty" }, "Nothing to recommend: there are no open events left.")]));
  for (const one of list.children) {
    if (changed && one.dataset.event && !known.has(one.dataset.event)) one.classList.add("new");
    if (one.dataset.event === focused && focused) one.querySelector("button").focus();
  }
}

function showSlip() {
  $("slip-events").replaceChildren(...[...slip.values()].map((one) => {
    const odds = el("input", { type: "number", min: "1.01", max: "1000000", step: "0.01", value: one.odds, required: true, "aria-label": `Odds of ${title(one.event)}`, oninput: (change) => { one.odds = change.target.value; } });
    return el("li", {}, el("span", {}, title(one.event)), odds, el("button", { type: "button", class: "quiet", "aria-label": `Take ${title(one.event)} off the coupon`, onclick: () => toggle(one.event) }, "×"));
  }));
  $("slip-empty").hidden = slip.size > 0;
  $("place").disabled = slip.size === 0 || user === "";
}

function toggle(event) {
  if (!slip.delete(event.event_id)) slip.set(event.event_id, { event, odds: "2.15" });
  showSlip();
  showRecommended(recommended);
}

async function recommendations(id) {
  const { data, headers } = await get(`/v1/recommendations/${segment(id)}`, { n: SHOWN, explain: 1 });
  $("served").textContent = headers.get("Tipster-Served-By") ? `from ${headers.get("Tipster-Served-By")}` : "";
  return data.items;
}

async function coupons(id) {
  try {
    return (await get(`/v1/users/${segment(id)}/coupons`, { limit: COUPONS })).data.items;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

function about(found) {
  if (found === null) return "Nobody of this id has a record or a coupon yet: popular events are recommended.";
  return `${found.length === COUPONS ? `more than ${COUPONS - 1}` : number(found.length)} coupons, the newest ${found.length > 0 ? moment(found[0].timestamp) : "never"}`;
}

async function show(id) {
  const mine = ++turn;
  const [items, found] = await Promise.all([recommendations(id), coupons(id)]);
  if (mine !== turn) return;
  if (user !== id) {
    slip.clear();
    recommended = [];
  }
  user = id;
  $("user-about").textContent = about(found);
  showRecommended(items);
  showSlip();
  const picture = await draw(found || [], $("history").clientWidth);
  if (mine === turn) $("history").replaceChildren(picture);
}

/** Waits until none of the events is recommended any more: the coupon counts. Returns whether it did in time. */
async function untilSeen(id, placed) {
  for (const end = Date.now() + SEEN_WITHIN_MS; Date.now() < end; await wait(50)) {
    const items = await recommendations(id);
    if (!items.some((item) => placed.has(item.event.event_id))) return true;
  }
  return false;
}

async function place() {
  const placed = new Set(slip.keys());
  const coupon = {
    coupon_id: `dashboard-${crypto.randomUUID ? crypto.randomUUID() : Math.random().toString(36).slice(2)}`,
    user_id: user,
    stake: Number($("stake").value),
    timestamp: new Date().toISOString(),
    selections: [...slip.values()].map((one) => ({ event_id: one.event.event_id, odds: Number(one.odds) })),
  };
  const started = performance.now();
  await call("POST", "/v1/coupons", { body: coupon });
  const accepted = performance.now() - started;
  $("slip-result").textContent = `Accepted after ${duration(accepted)} …`;
  const seen = await untilSeen(user, placed);
  const total = performance.now() - started;
  slip.clear();
  await show(user);
  $("slip-result").textContent = seen ? `Accepted after ${duration(accepted)}; it changed the recommendations after ${duration(total)}.` : `Accepted after ${duration(accepted)}; it has not reached the recommendations yet.`;
}

function explain(error) {
  if (error.status === 403) return "The key lacks a scope for this: read for looking, ingest for placing coupons.";
  const first = error.problem?.errors?.[0];
  return first?.pointer ? `${first.pointer.slice(1)}: ${first.detail}` : error.message;
}

/** Runs one of the forms: its button waits meanwhile, and what goes wrong is said where it happened. */
async function run(button, output, work) {
  const able = !button.disabled;
  button.disabled = true;
  output.classList.remove("error");
  try {
    await work();
  } catch (error) {
    output.textContent = explain(error);
    output.classList.add("error");
  } finally {
    button.disabled = !able;
  }
}

export function reset() {
  turn++;
  user = "";
  recommended = [];
  slip.clear();
  for (const id of ["recommendations", "history", "user-about", "slip-result", "served"]) $(id).replaceChildren();
  showSlip();
}

export function suggest(ids) {
  const list = $("users");
  const known = new Set([...list.options].map((option) => option.value));
  list.append(...ids.filter((id) => !known.has(id)).map((id) => el("option", { value: id })));
}

export function begin() {
  $("user-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = $("user").value.trim();
    suggest([id]);
    run(event.submitter || $("user-form").querySelector("button"), $("user-about"), () => show(id));
  });
  $("slip").addEventListener("submit", (event) => {
    event.preventDefault();
    run($("place"), $("slip-result"), place).finally(showSlip);
  });
  showSlip();
}
