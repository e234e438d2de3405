// A client on @xmpp/client, which logs in by SASL2 and Bind 2 where they are offered. It is told what to do by one line
// of JSON, and says what happens in lines of JSON.
//
//   in:  {"port", "serverName", "domain", "username", "password", "resource", "userAgent"},
//        then {"to", "body"} for each message to be sent
//   out: {"online": JID}, {"body", "from"} for each message, {"refused": condition}

import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

import { client, xml } from "@xmpp/client";
import ConnectionTLS from "@xmpp/tls/lib/Connection.js";

// @xmpp/client takes it for granted; Node.js 18, which Debian 12 has, does not have it by itself.
globalThis.crypto ??= webcrypto;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => {
  const { value, done } = await lines.next();
  return done ? null : JSON.parse(value);
};
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const { port, serverName, domain, userAgent, ...account } = await next();

// Whoever signed the certificate is named by NODE_EXTRA_CA_CERTS.
ConnectionTLS.prototype.socketParameters = () => ({
  host: "127.0.0.1",
  port,
  servername: serverName,
  ALPNProtocols: ["xmpp-client"],
});

const xmpp = client({
  service: `xmpps://127.0.0.1:${port}`,
  domain,
  userAgent: xml("user-agent", { id: userAgent.id }, xml("software", {}, userAgent.software)),
  ...account,
});
xmpp.reconnect.stop();
xmpp.on("error", () => {});
xmpp.on("stanza", (stanza) => {
  const body = stanza.is("message") && stanza.getChildText("body");
  if (body) say({ body, from: stanza.attrs.from });
});

try {
  say({ online: (await xmpp.start()).toString() });
  await xmpp.send(xml("presence"));
  for (let message = await next(); message; message = await next()) {
    await xmpp.send(xml("message", { to: message.to, type: "chat" }, xml("body", {}, message.body)));
  }
} catch (error) {
  say({ refused: error.condition ?? error.message });
}
await xmpp.stop();
process.exit();
