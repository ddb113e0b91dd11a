// What could not be stored: newest first, filtered here, with the payload to read and to copy.

import { get } from "./dashboard-api.js";
import { $, el, moment, number } from "./dashboard-dom.js";

const PAGE = 50;
const REASONS = {
  conflict: "Another content under a coupon id that exists; the first one stands.",
  malformed: "Not written by Tipster.",
  database: "The database refused it: a defect of Tipster.",
};
let items = [];
let cursor = null;

const identity = (item) => `${item.kind} ${item.position} ${item.time}`;

function pretty(item) {
  if (item.payload === null) return item.detail === "erased" ? "(erased)" : "(none)";
  try {
    return JSON.stringify(JSON.parse(item.payload), null, 2);
  } catch {
    return item.payload;
  }
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch { // no permission, or not a secure page
    const area = el("textarea", { class: "visually-hidden" }, text);
    button.after(area);
    area.select();
    button.textContent = document.execCommand("copy") ? "Copied" : "Select it and copy";
    area.remove();
    button.focus();
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function row(item) {
  const text = pretty(item);
  const button = el("button", { type: "button", class: "quiet", onclick: () => copy(button, text) }, "Copy");
  return el("li", { "data-identity": identity(item) }, el("details", {},
    el("summary", {}, el("span", { class: `chip reason-${item.reason}` }, item.reason || "?"), el("span", { class: "what" }, `${item.kind || "record"} ${item.id || ""}`), el("span", { class: "who" }, item.user_id ? `of ${item.user_id}` : ""), el("time", { datetime: item.time }, moment(item.time))),
    el("p", {}, REASONS[item.reason] || "", item.detail ? ` ${item.detail}` : ""),
    el("p", { class: "hint" }, `position ${item.position}`, item.request_id ? `, request ${item.request_id}` : ""),
    el("div", { class: "payload" }, button, el("pre", { tabindex: 0, "aria-label": "Payload" }, text))));
}

function matching() {
  const words = $("reject-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const reason = $("reject-reason").value;
  return items.filter((item) => {
    const text = `${item.reason} ${item.kind} ${item.id} ${item.user_id} ${item.detail} ${item.payload} ${item.request_id}`.toLowerCase();
    return (!reason || item.reason === reason) && words.every((word) => text.includes(word));
  });
}

function render() {
  const shown = matching();
  const wanted = new Set(shown.map(identity));
  const list = $("reject-list");
  const rows = new Map([...list.children].map((one) => [one.dataset.identity, one]));
  for (const [name, one] of rows) if (!wanted.has(name)) one.remove(); // rows that stay keep their state and their focus
  shown.forEach((item, index) => {
    const one = rows.get(identity(item)) || row(item);
    if (list.children[index] !== one) list.insertBefore(one, list.children[index] || null);
  });
  $("reject-count").textContent = items.length === 0 ? "Nothing was rejected." : `${number(shown.length)} of the ${number(items.length)} newest${cursor ? "" : ", which are all"}`;
  $("reject-more").hidden = !cursor;
}

function offerReasons() {
  const select = $("reject-reason");
  const known = new Set([...select.options].map((option) => option.value));
  for (const reason of new Set(items.map((item) => item.reason))) if (reason && !known.has(reason)) select.append(el("option", { value: reason }, reason));
}

/** Asks for the newest ones and puts them before those that are known. */
export async function refresh() {
  const { data } = await get("/v1/rejected", { limit: PAGE });
  const known = new Set(items.map(identity));
  const fresh = data.items.filter((item) => !known.has(identity(item)));
  if (items.length === 0 || fresh.length === data.items.length) { // none known, or a gap
    items = data.items;
    cursor = data.next_cursor;
  } else {
    items = [...fresh, ...items];
  }
  offerReasons();
  render();
}

async function older() {
  const { data } = await get("/v1/rejected", { limit: PAGE, cursor });
  items = [...items, ...data.items];
  cursor = data.next_cursor;
  offerReasons();
  render();
}

export function reset() {
  items = [];
  cursor = null;
  $("reject-list").replaceChildren();
}

/** The users that stand in the rejects, as suggestions. */
export const users = () => [...new Set(items.map((item) => item.user_id).filter(Boolean))];

export function begin(report) {
  $("reject-filter").addEventListener("input", render);
  $("reject-reason").addEventListener("change", render);
  $("reject-more").addEventListener("click", () => older().catch(report));
}
