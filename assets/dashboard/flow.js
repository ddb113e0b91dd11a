// What comes in, what is stored, what waits, what is asked: from one answer of /v1/stats to the next.

import { $, duration, el, hue, moment, number, title } from "./dashboard-dom.js";
import { lines } from "./dashboard-charts.js";

let charts;
let before;

function begin() {
  charts = {
    records: lines("chart-records", [{ label: "accepted", colour: "--series-1", fill: true }, { label: "stored", colour: "--series-2" }], { format: number }),
    lag: lines("chart-lag", [{ label: "records", colour: "--series-3", fill: true }], { height: 120, format: number }),
    requests: lines("chart-requests", [{ label: "requests", colour: "--series-1", fill: true }, { label: "errors", colour: "--series-4" }], { format: number }),
  };
}

/** Forgets what was shown: another key, another company. */
export function reset() {
  before = undefined;
  if (charts) Object.values(charts).forEach((chart) => chart.clear());
}

const sum = (items, pick) => items.reduce((total, item) => total + pick(item), 0);

/** The duration below which a share of the requests stayed, from the buckets' differences. */
export function percentile(bounds, buckets, share) {
  const total = sum(buckets, (count) => count);
  let left = total * share;
  if (total === 0) return null;
  for (let i = 0; i < buckets.length; i++) {
    if (left <= buckets[i]) {
      const low = i === 0 ? 0 : bounds[i - 1];
      const high = i < bounds.length ? bounds[i] : bounds[bounds.length - 1] * 2;
      return (low + ((high - low) * left) / buckets[i]) / 1000;
    }
    left -= buckets[i];
  }
  return null;
}

/** Per route: what happened between two answers. Totals that fell: the server is another one, so they count from 0. */
export function difference(now, then, seconds) {
  const old = new Map((then?.routes || []).map((route) => [route.route, route]));
  return now.routes.map((route) => {
    const last = old.get(route.route);
    const known = last && last.requests <= route.requests ? last : null;
    const buckets = route.buckets.map((count, i) => count - (known ? known.buckets[i] : 0));
    const fresh = sum(buckets, (count) => count) > 0;
    return {
      route: route.route,
      rate: (route.requests - (known ? known.requests : 0)) / seconds,
      errors: (route.errors - (known ? known.errors : 0)) / seconds,
      total: route.requests,
      failed: route.errors,
      p50: percentile(now.bounds_us, fresh ? buckets : route.buckets, 0.5),
      p99: percentile(now.bounds_us, fresh ? buckets : route.buckets, 0.99),
    };
  });
}

function tile(name, value, note) {
  return el("div", { class: "card tile" }, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null));
}

function showTiles(stats, accepted, stored) {
  const { counts, lag, busiest, view } = stats;
  $("tiles").replaceChildren(
    tile("Accepted", number(accepted), "records per second"),
    tile("Stored", number(stored), "records per second"),
    tile("Waiting", number(lag?.records), "records, accepted and not yet stored"),
    tile("View", view?.ready ? duration(view.behind_ms) : "SQL", view?.ready ? "behind" : "answers reads"),
    tile("Users", number(counts.users)),
    tile("Open events", number(busiest?.open_events), `of ${number(counts.events)}`),
    tile("Coupons", number(counts.coupons)),
    tile("Rejected", number(counts.rejected)),
  );
}

const key = (colour, text) => el("span", { class: `key ${colour}` }, text);

function showLag(lag) {
  const partitions = lag?.partitions || [];
  const most = Math.max(1, ...partitions.map((one) => one.records));
  $("lag-now").replaceChildren(key("three", lag ? `${number(lag.records)} records` : "Kafka has not said yet"));
  $("lag-partitions").replaceChildren(...["users", "events", "coupons"].map((topic) => {
    const own = partitions.filter((one) => one.topic === topic);
    const cells = own.map((one) => {
      const cell = el("span", { class: "cell", title: `${topic} ${one.partition}: ${one.records}` }, el("b", {}), el("span", { class: "visually-hidden" }, `partition ${one.partition}: ${one.records}`));
      cell.firstChild.style.height = `${Math.max(4, (100 * Math.max(0, one.records)) / most)}%`;
      return cell;
    });
    return el("div", { class: "topic" }, el("span", { class: "name" }, topic), el("span", { class: "cells" }, cells), el("span", { class: "sum" }, number(sum(own, (one) => Math.max(0, one.records)))));
  }));
}

function showRoutes(routes) {
  $("routes").tBodies[0].replaceChildren(...routes.sort((a, b) => b.rate - a.rate || b.total - a.total).map((one) =>
    el("tr", {}, el("th", { scope: "row" }, one.route), el("td", {}, number(one.rate)), el("td", {}, duration(one.p50)), el("td", {}, duration(one.p99)),
      el("td", { class: one.failed > 0 ? "bad" : "" }, number(one.failed)))));
}

function bar(name, note, value, most, colour) {
  const meter = el("span", { class: `meter ${colour}` });
  meter.style.width = `${(100 * value) / Math.max(1, most)}%`;
  return el("li", {}, el("span", { class: "name" }, name, note ? el("small", {}, note) : null), el("span", { class: "value" }, number(value)), el("span", { class: "track" }, meter));
}

function showBars(id, items, name, note, colour) {
  const most = Math.max(1, ...items.map((one) => one.bets));
  const none = el("li", { class: "empty" }, "No open events with bets.");
  $(id).replaceChildren(...(items.length > 0 ? items.slice(0, 8).map((one) => bar(name(one), note(one), one.bets, most, colour(one))) : [none]));
}

function showBusiest(busiest) {
  if (!busiest) return;
  showBars("sports", busiest.sports, (one) => one.sport, (one) => `${number(one.open_events)} open events`, (one) => hue(one.sport));
  showBars("leagues", busiest.leagues, (one) => one.league, (one) => `${one.sport}, ${number(one.open_events)} open events`, (one) => hue(one.sport));
  showBars("events", busiest.events.filter((one) => one.event), (one) => title(one.event), (one) => `${one.event.league}, ${moment(one.event.begin_timestamp)}`, (one) => hue(one.event.sport));
}

/** Shows an answer of /v1/stats. */
export function show(stats) {
  if (!charts) begin();
  const time = Date.parse(stats.as_of) / 1000;
  if (before && Date.parse(before.as_of) / 1000 >= time) return; // the same one again
  const seconds = before ? time - Date.parse(before.as_of) / 1000 : null;
  const rates = stats.stored_per_second;
  const stored = rates ? rates.users + rates.events + rates.coupons : null;
  const moved = before && stats.accepted !== null ? stats.accepted - before.accepted : null;
  const accepted = moved === null ? null : (moved < 0 ? stats.accepted : moved) / seconds; // less: another server
  const routes = stats.requests ? difference(stats.requests, before?.requests, seconds || Infinity) : [];
  showTiles(stats, accepted, stored);
  showLag(stats.lag);
  showRoutes(routes);
  showBusiest(stats.busiest);
  $("records-now").replaceChildren(key("one", `accepted ${number(accepted)}`), key("two", `stored ${number(stored)}`));
  charts.lag.push(time, [stats.lag?.records]);
  if (before) {
    charts.records.push(time, [accepted, stored]);
    charts.requests.push(time, [sum(routes, (one) => one.rate), sum(routes, (one) => one.errors)]);
    $("requests-now").replaceChildren(key("one", `all ${number(sum(routes, (one) => one.rate))}`), key("four", `answered 4xx or 5xx ${number(sum(routes, (one) => one.errors))}`));
  }
  before = stats;
}
