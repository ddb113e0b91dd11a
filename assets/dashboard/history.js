// A user's history as a picture: sports, their leagues, the participants in them, as wide as they weigh.

import { get, segment } from "./dashboard-api.js";
import { el, hue, svg } from "./dashboard-dom.js";

const HALF_LIFE_MS = 30 * 86_400_000; // what the server takes unless it is set otherwise
const EVENTS_MAX = 120;
const AT_ONCE = 6;
const LEAST_WIDTH = 320;
const ROW = 52;

const events = new Map(); // by id; null: withdrawn or unknown

async function load(ids) {
  const missing = ids.filter((id) => !events.has(id));
  const worker = async () => {
    for (let id = missing.shift(); id !== undefined; id = missing.shift()) {
      const known = await get(`/v1/events/${segment(id)}`).then((answer) => answer.data, (error) => {
        if (error.status !== 404) throw error;
        return null;
      });
      events.set(id, known);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The newest selections whose events are known, with their weights: recent ones weigh more. */
export async function selections(coupons) {
  const all = coupons.flatMap((coupon) => coupon.selections.map((one) => ({ id: one.event_id, time: Date.parse(coupon.timestamp) }))).slice(0, EVENTS_MAX);
  await load([...new Set(all.map((one) => one.id))]);
  const known = all.filter((one) => events.get(one.id));
  const newest = Math.max(...known.map((one) => one.time));
  return known.map((one) => ({ event: events.get(one.id), weight: 2 ** (-(newest - one.time) / HALF_LIFE_MS) }));
}

/** Sums by name, largest first. */
function groups(items, names) {
  const sums = new Map();
  for (const item of items) {
    for (const name of names(item)) {
      const group = sums.get(name) || { name, weight: 0, items: [] };
      group.weight += item.weight;
      group.items.push(item);
      sums.set(name, group);
    }
  }
  return [...sums.values()].sort((a, b) => b.weight - a.weight);
}

function block(x, y, width, name, share, classes) {
  const room = Math.floor((width - 16) / 8.4);
  const label = name.length <= room ? name : room > 3 ? `${name.slice(0, room - 1)}…` : "";
  const words = `${name}: ${Math.round(100 * share)} %`;
  return svg("g", { class: `block ${classes}` },
    svg("title", {}, words),
    svg("rect", { x: x + 1, y: y + 1, width: Math.max(width - 2, 1), height: ROW - 2, rx: 7 }),
    label ? svg("text", { x: x + 9, y: y + 22 }, label) : null,
    label && width > 42 ? svg("text", { x: x + 9, y: y + 40, class: "share" }, `${Math.round(100 * share)} %`) : null);
}

/** Blocks side by side; what is too narrow to see goes together as "others". */
function row(parts, x, y, width, total, draw) {
  const least = 26;
  let at = x;
  let rest = 0;
  for (const part of parts) {
    const wide = (width * part.weight) / total;
    if (wide < least) {
      rest += part.weight;
      continue;
    }
    draw(part, at, wide);
    at += wide;
  }
  if (rest > 0) draw({ name: "others", weight: rest, items: [] }, at, (width * rest) / total);
}

function picture(items, full) {
  const total = items.reduce((sum, item) => sum + item.weight, 0);
  const drawing = svg("svg", { viewBox: `0 0 ${full} ${ROW * 4 + 14}`, role: "img", "aria-label": describe(items, total), class: "icicle" });
  const sports = groups(items, (item) => [item.event.sport]);
  row(sports, 0, 0, full, total, (sport, x, width) => {
    const colour = sport.items.length > 0 ? hue(sport.name) : "";
    drawing.append(block(x, 0, width, sport.name, sport.weight / total, `${colour} level-0`));
    const leagues = groups(sport.items, (item) => [item.event.league]);
    row(leagues, x, ROW, width, sport.weight, (league, left, wide) => {
      drawing.append(block(left, ROW, wide, league.name, league.weight / total, `${colour} level-1`));
      const teams = groups(league.items, (item) => item.event.participants);
      const all = teams.reduce((sum, team) => sum + team.weight, 0);
      row(teams, left, ROW * 2, wide, all, (team, start, span) => {
        drawing.append(block(start, ROW * 2, span, team.name, (league.weight / total) * (team.weight / all), `${colour} level-2`));
      });
    });
  });
  const countries = groups(items, (item) => [item.event.country]);
  row(countries, 0, ROW * 3 + 14, full, total, (country, x, width) => {
    drawing.append(block(x, ROW * 3 + 14, width, country.name, country.weight / total, "country"));
  });
  return drawing;
}

function describe(items, total) {
  const words = (names) => groups(items, names).slice(0, 3).map((one) => `${one.name} ${Math.round((100 * one.weight) / total)} %`).join(", ");
  return `Sports: ${words((item) => [item.event.sport])}. Leagues: ${words((item) => [item.event.league])}. Countries: ${words((item) => [item.event.country])}.`;
}

/** The picture for a user's coupons, newest first, for a place of this width. */
export async function draw(coupons, width) {
  const items = coupons.length > 0 ? await selections(coupons) : [];
  return items.length > 0 ? picture(items, Math.max(LEAST_WIDTH, width)) : el("p", { class: "empty" }, "No bets on events that are known: popular events are recommended.");
}
