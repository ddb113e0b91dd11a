// Calls the TypeScript client as JSON lines on standard input say; see driver.py. Arguments: module url key options.
import { createInterface } from "node:readline";

const [module, url, key, options] = process.argv.slice(2);
const { Tipster, TipsterError } = await import(module);
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const seconds = { timeoutS: "timeoutMs", retryForS: "retryForMs" };

function renamed(given) {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => (camel(name) in seconds ? [seconds[camel(name)], value * 1000] : [camel(name), value])),
  );
}

const tipster = new Tipster(url, { ...(key ? { key } : {}), ...renamed(JSON.parse(options)) });

async function answer({ call, arguments: given, options }) {
  try {
    const extra = Object.keys(options).length > 0 ? [renamed(options)] : [];
    let result = tipster[camel(call)](...given, ...extra);
    if (Symbol.asyncIterator in result) {
      const items = [];
      for await (const item of result) items.push(item);
      result = items;
    }
    return { result: (await result) ?? null };
  } catch (error) {
    if (!(error instanceof TipsterError)) throw error;
    const { status, code, detail, violations } = error;
    return { error: error.name, status, code, detail, violations };
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await answer(JSON.parse(line))));
