// A client on @xmpp/client, which logs in by SASL2 and Bind 2 where they are offered. It is told what to do by one line
// of JSON, and says what happens in lines of JSON.
//
//   in:  {"port", "starttls", "serverName", "domain", "username", "password", "resource", "userAgent", "token"},
//        then {"to", "body"} for each message to be sent, {"cut": true} to lose the connection and come back
//   out: {"online": JID}, {"body", "from"} for each message, {"token"} for each that the server gives,
//        {"resumed": JID} after a connection was lost, {"refused": condition}
//
// A token is what FAST (XEP-0484) knows a client by; without "token", even as null, none is told.

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

const { port, starttls, serverName, domain, userAgent, token, ...account } = await next();
const { username, password } = account;

// Whoever signed the certificate is named by NODE_EXTRA_CA_CERTS. With STARTTLS it asks for no server name, and wants a
// certificate for the domain.
ConnectionTLS.prototype.socketParameters = () => ({
  host: "127.0.0.1",
  port,
  servername: serverName,
  ALPNProtocols: ["xmpp-client"],
});

const xmpp = client({
  service: `${starttls ? "xmpp" : "xmpps"}://127.0.0.1:${port}`,
  domain,
  userAgent: xml("user-agent", { id: userAgent.id }, xml("software", {}, userAgent.software)),
  ...account,
  credentials: { username, password, token },
});
xmpp.reconnect.delay = 10;
xmpp.on("error", () => {});
xmpp.streamManagement.on("resumed", () => say({ resumed: xmpp.jid.toString() }));
if (token !== undefined) xmpp.fast.saveToken = async (given) => say({ token: given });
xmpp.on("stanza", (stanza) => {
  const body = stanza.is("message") && stanza.getChildText("body");
  if (body) say({ body, from: stanza.attrs.from });
});

// It looks for the server's header only once its own has left, and so waits for one that has come before: what `start`
// says of that is not asked for.
const online = new Promise((resolve, reject) => {
  xmpp.on("online", resolve);
  xmpp.start().catch((error) => xmpp.status === "online" || reject(error));
});

try {
  say({ online: (await online).toString() });
  await xmpp.send(xml("presence"));
  for (let order = await next(); order; order = await next()) {
    if (order.cut) xmpp.socket.socket.destroy();
    else await xmpp.send(xml("message", { to: order.to, type: "chat" }, xml("body", {}, order.body)));
  }
} catch (error) {
  say({ refused: error.condition ?? error.message });
}
xmpp.reconnect.stop();
await xmpp.stop();
process.exit();
