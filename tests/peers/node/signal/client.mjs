// A client on @xmpp/client whose messages are encrypted by Signal's own library (`person.mjs`, where it is said how that is
// licensed). It is told what to do in lines of JSON, and says what happens in lines of JSON.
//
//   in:  {"port", "serverName", "domain", "username", "password", "resource", "userAgent"}, then {"bundle": true},
//        {"know": JID, "bundle"} to begin a session with somebody, {"to", "text"} for each message to be sent; with
//        "changed" one byte of it is another one when it leaves
//   out: {"online": JID}, {"bundle"}, {"known": JID}, {"sent", "kind"} with the ciphertext in Base64,
//        {"received", "kind", "from", "text"} for each message, with "unreadable" in the place of the text if it cannot
//        be decrypted, {"refused": condition}

import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

import { client, xml } from "@xmpp/client";
import ConnectionTLS from "@xmpp/tls/lib/Connection.js";

import { Person } from "./person.mjs";

const CONTENT = "urn:x-vestibule:content:0";
const SIGNAL = "urn:x-vestibule-test:signal";

globalThis.crypto ??= webcrypto;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => {
  const { value, done } = await lines.next();
  return done ? null : JSON.parse(value);
};
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const bare = (jid) => jid.split("/")[0];

const { port, serverName, domain, userAgent, ...account } = await next();
const person = new Person(`${account.username}@${domain}`);

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
xmpp.on("error", () => {});

// Messages are decrypted one after the other, in the order in which they come.
let read = Promise.resolve();
xmpp.on("stanza", (stanza) => {
  const signal = stanza.is("message") && stanza.getChild("text", CONTENT)?.getChild("signal", SIGNAL);
  if (!signal) return;
  const [from, kind, received] = [stanza.attrs.from, signal.attrs.kind, signal.text()];
  read = read.then(async () => {
    try {
      say({ received, kind, from, text: await person.read(bare(from), kind, received) });
    } catch (error) {
      say({ received, kind, from, unreadable: error.name });
    }
  });
});

const send = async ({ to, text, changed }) => {
  const { kind, ciphertext } = await person.write(bare(to), text);
  const bytes = Buffer.from(ciphertext, "base64");
  if (changed) bytes[bytes.length - 12] ^= 1;
  const sent = bytes.toString("base64");
  const signal = xml("signal", { xmlns: SIGNAL, kind }, sent);
  await xmpp.send(xml("message", { to, type: "chat" }, xml("text", { xmlns: CONTENT }, signal)));
  say({ sent, kind });
};

// It may be online before `start` is through with what the server has said meanwhile.
const online = new Promise((resolve, reject) => {
  xmpp.on("online", resolve);
  xmpp.start().catch((error) => xmpp.status === "online" || reject(error));
});

try {
  say({ online: (await online).toString() });
  await xmpp.send(xml("presence"));
  for (let order = await next(); order; order = await next()) {
    if (order.to) await send(order);
    else if (order.know) {
      await person.know(bare(order.know), order.bundle);
      say({ known: order.know });
    } else say({ bundle: await person.bundle() });
  }
} catch (error) {
  say({ refused: error.condition ?? error.message });
}
xmpp.reconnect.stop();
await xmpp.stop();
process.exit();
