/** Client of Tipster: push users, events and coupons, ask for recommendations. */
export { Tipster } from "./client.js";
export type { Filters, Options, Pushed, RecommendOptions } from "./client.js";
export { TipsterError, Unavailable } from "./errors.js";
export type { Violation } from "./errors.js";
export type * from "./records.js";
