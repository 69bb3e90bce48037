// A mockttp proxy that passes everything through, with its events subscribed.
// Arguments: the port, the PEM file of a CA to trust upstream.
const mockttp = require("mockttp");

(async () => {
    const [port, caPath] = process.argv.slice(2);
    const https = await mockttp.generateCACertificate();
    const server = mockttp.getLocal({ https, recordTraffic: false, socks: true });
    const trust = { additionalTrustedCAs: [{ certPath: caPath }] };
    await server.forUnmatchedRequest().thenPassThrough(trust);
    await server.forAnyWebSocket().thenPassThrough(trust);
    let seen = 0;
    await server.on("request", () => { seen += 1; });
    await server.on("response", () => { seen += 1; });
    await server.on("websocket-message-received", () => { seen += 1; });
    await server.on("websocket-message-sent", () => { seen += 1; });
    await server.start(Number(port));
    const stop = async () => { console.log(`${seen} events`); await server.stop(); process.exit(0); };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
})();
