/**
 * Pushes an event and a coupon, then asks what to show next.
 *
 *     tsc && node dist/example.js [http://127.0.0.1:5000]        the key, where one is wanted, in API_KEY
 */
import { Tipster, type SportsEvent } from "./src/index.js";

function at(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString();
}

function match(eventId: string, days: number, ...teams: string[]): SportsEvent {
  return {
    event_id: eventId,
    sport: "Go",
    league: "Example League",
    country: "Korea",
    participants: teams,
    begin_timestamp: at(days),
    end_timestamp: at(days + 0.1),
  };
}

const key = process.env["API_KEY"];
const tipster = new Tipster(process.argv[2] ?? "http://127.0.0.1:5000", key ? { key } : {});
await tipster.pushUsers([
  { user_id: "example-ts", birth_year: 1990, country: "Korea", currency: "KRW", gender: "female", registration_date: "2026-01-01" },
]);
const events = await tipster.pushEvents([match("example-ts-a", 1, "Ada", "Bo"), match("example-ts-b", 2, "Ada", "Cy")]);
const coupons = await tipster.pushCoupons([
  {
    coupon_id: "example-ts-1",
    user_id: "example-ts",
    stake: 10.5,
    timestamp: "2026-11-01T12:00:00Z",
    selections: [{ event_id: "example-ts-a", odds: 2.15 }],
  },
]);
console.log(`accepted ${events.accepted} events, ${coupons.accepted} coupon`);
const tips = await tipster.recommendations("example-ts", { n: 1, sport: ["Go"], explain: true, after: coupons.position });
for (const { event, source, score, because } of tips.items) {
  const reasons = (because ?? []).map(({ tag, value }) => `${tag} ${value}`).join(", ");
  console.log(`${event.event_id} ${source} ${score.toFixed(2)} (${reasons})`);
}
