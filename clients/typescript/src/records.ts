/** The shapes of the contract (assets/openapi.json). */

export interface User {
  user_id: string;
  birth_year: number;
  country: string;
  currency: string;
  gender: string;
  registration_date: string;
  /** Of two records with one, the higher wins. */
  version?: number;
}

export interface SportsEvent {
  event_id: string;
  sport: string;
  league: string;
  country: string;
  participants: string[];
  begin_timestamp: string;
  end_timestamp: string;
  version?: number;
}

export interface Selection {
  event_id: string;
  odds: number;
}

export interface Coupon {
  coupon_id: string;
  user_id: string;
  stake: number;
  timestamp: string;
  selections: Selection[];
}

export interface Reason {
  tag: "sport" | "league" | "country" | "participant";
  value: string;
  share: number;
}

export interface Item {
  event: SportsEvent;
  score: number;
  source: "similar" | "popular";
  /** With `explain`. */
  because?: Reason[];
}

export interface Recommendations {
  user_id: string;
  as_of: string;
  items: Item[];
}

export interface Rejected {
  kind: string | null;
  id: string | null;
  user_id: string | null;
  reason: "conflict" | "malformed" | "database";
  detail: string | null;
  payload: string | null;
  payload_encoding?: string;
  payload_bytes?: number;
  position: string;
  time: string;
  request_id: string | null;
}
