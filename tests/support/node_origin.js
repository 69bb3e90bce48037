// The origin of the tests with foreign clients: HTTP/1.1 and HTTP/2, plain and with TLS, by Node's own servers.
// node node_origin.js CERTIFICATE (PEM with chain and key); prints «HTTP HTTPS», its two ports, and ends with its input.
//
//   /echo     the method, the version and the body's length and SHA-256, as JSON
//   /body     the body as it came, with the request's Content-Type, as it comes; then a trailer `x-count` in HTTP/2
//   /events   three server-sent events;  /lines: three lines of JSON, one after the other
//   /page     a document with 200 parts (/part/1 …) that tries what a browser can do and then asks for /done
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const http2 = require("node:http2");

const PAGE = fs.readFileSync(__dirname + "/node_page.html");
const OCTETS = "application/octet-stream";

function drip(response, pieces) {
  const [piece, ...rest] = pieces;
  if (piece === undefined) return response.end();
  response.write(piece);
  setImmediate(drip, response, rest);
}

function answer(request, response) {
  const path = request.url.split("?")[0];
  const send = (type, body) => {
    response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) });
    response.end(body);
  };
  if (path === "/echo") {
    const hash = crypto.createHash("sha256");
    let length = 0;
    request.on("data", (piece) => { hash.update(piece); length += piece.length; });
    request.on("end", () => send("application/json", JSON.stringify({
      method: request.method, version: request.httpVersion, length, sha256: hash.digest("hex"),
    })));
  } else if (path === "/body") {
    let count = 0;
    response.writeHead(200, { "content-type": request.headers["content-type"] || OCTETS });
    request.on("data", (piece) => { count += piece.length; response.write(piece); });
    request.on("end", () => {
      if (request.httpVersionMajor === 2) response.addTrailers({ "x-count": String(count) });
      response.end();
    });
  } else if (path === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    drip(response, [1, 2, 3].map((number) => `id: ${number}\nevent: tick\ndata: event ${number}\n\n`));
  } else if (path === "/lines") {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    drip(response, [1, 2, 3].map((number) => JSON.stringify({ number }) + "\n"));
  } else if (path === "/page") {
    send("text/html; charset=utf-8", PAGE);
  } else if (path.startsWith("/part/")) {
    send("text/javascript", `parts.push(${Number(path.slice(6))});`);
  } else if (path === "/done") {
    send("text/plain", "done");
  } else {
    response.writeHead(404);
    response.end();
  }
}

const pem = fs.readFileSync(process.argv[2]);
const plain = http.createServer(answer);
const secure = http2.createSecureServer({ key: pem, cert: pem, allowHTTP1: true }, answer);
plain.listen(0, "127.0.0.1", () => secure.listen(0, "127.0.0.1", () => {
  console.log(plain.address().port, secure.address().port);
}));
process.stdin.resume().on("end", () => process.exit(0));
