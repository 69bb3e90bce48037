// Asks through a proxy with undici's ProxyAgent, the body being what comes in; prints the answer's body.
// node ask.js HOW PROXY CA URL VERSION; HOW is `fetch` (Node's own, which takes undici's dispatcher), `undici` (the
// package's fetch) or `request` (without what fetch adds); CA a PEM file, VERSION 1.1 or 2.0.
"use strict";
const fs = require("node:fs");
const { ProxyAgent, fetch: packagesFetch, request, setGlobalDispatcher } = require("undici");

const [how, proxy, caPath, url, version] = process.argv.slice(2);
const allowH2 = version === "2.0";
const ca = fs.readFileSync(caPath);
setGlobalDispatcher(new ProxyAgent({ uri: proxy, allowH2, requestTls: { ca, allowH2 }, proxyTls: { ca } }));

async function ask() {
  const options = { method: "POST", body: fs.readFileSync(0) };
  if (how === "request") return Buffer.from(await (await request(url, options)).body.arrayBuffer());
  const answer = await (how === "fetch" ? fetch : packagesFetch)(url, options);
  return Buffer.from(await answer.arrayBuffer());
}

ask().then((body) => process.stdout.write(body), (error) => {
  console.error(error.cause ?? error);
  process.exitCode = 1;
});
