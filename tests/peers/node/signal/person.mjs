// One who writes with Signal's own library: PQXDH, then the double ratchet. The library is under the AGPL: it is linked to
// nothing of Vestibule's and shipped with nothing. This program runs in a process of its own, for a test alone.
//
// It knows of no network: `client.mjs` sends and receives what it writes and reads.

import {
  CiphertextMessageType,
  Direction,
  IdentityChange,
  IdentityKeyPair,
  IdentityKeyStore,
  KEMKeyPair,
  KEMPublicKey,
  KyberPreKeyRecord,
  KyberPreKeyStore,
  PreKeyBundle,
  PreKeyRecord,
  PreKeySignalMessage,
  PreKeyStore,
  PrivateKey,
  ProtocolAddress,
  PublicKey,
  SessionRecord,
  SessionStore,
  SignalMessage,
  SignedPreKeyRecord,
  SignedPreKeyStore,
  processPreKeyBundle,
  signalDecrypt,
  signalDecryptPreKey,
  signalEncrypt,
} from "@signalapp/libsignal-client";

const DEVICE = 1;
const REGISTRATION = 4711;
const KINDS = { [CiphertextMessageType.PreKey]: "pre-key", [CiphertextMessageType.Whisper]: "message" };

const encode = (bytes) => Buffer.from(bytes).toString("base64");
const decode = (text) => new Uint8Array(Buffer.from(text, "base64"));
const address = (jid) => ProtocolAddress.new(jid, DEVICE);

class Sessions extends SessionStore {
  records = new Map();
  async saveSession(name, record) {
    this.records.set(name.toString(), record.serialize());
  }
  async getSession(name) {
    const record = this.records.get(name.toString());
    return record ? SessionRecord.deserialize(record) : null;
  }
  async getExistingSessions(names) {
    return Promise.all(names.map((name) => this.getSession(name)));
  }
}

class Identities extends IdentityKeyStore {
  own = IdentityKeyPair.generate();
  known = new Map();
  async getIdentityKey() {
    return this.own.privateKey;
  }
  async getIdentityKeyPair() {
    return this.own;
  }
  async getLocalRegistrationId() {
    return REGISTRATION;
  }
  async saveIdentity(name, key) {
    const before = this.known.get(name.toString());
    this.known.set(name.toString(), key);
    return before && !before.equals(key) ? IdentityChange.ReplacedExisting : IdentityChange.NewOrUnchanged;
  }
  async isTrustedIdentity(name, key, _direction = Direction.Sending) {
    const before = this.known.get(name.toString());
    return !before || before.equals(key);
  }
  async getIdentity(name) {
    return this.known.get(name.toString()) ?? null;
  }
}

// A store of one kind of records, by their numbers.
const numbered = (base, kind) =>
  class extends base {
    records = new Map();
    async [`save${kind}`](id, record) {
      this.records.set(id, record);
    }
    async [`get${kind}`](id) {
      const record = this.records.get(id);
      if (!record) throw new Error(`there is no ${kind} ${id}`);
      return record;
    }
    async [`remove${kind}`](id) {
      this.records.delete(id);
    }
    async [`mark${kind}Used`]() {}
  };
const PreKeys = numbered(PreKeyStore, "PreKey");
const SignedPreKeys = numbered(SignedPreKeyStore, "SignedPreKey");
const KyberPreKeys = numbered(KyberPreKeyStore, "KyberPreKey");

export class Person {
  sessions = new Sessions();
  identities = new Identities();
  preKeys = new PreKeys();
  signedPreKeys = new SignedPreKeys();
  kyberPreKeys = new KyberPreKeys();

  constructor(jid) {
    this.own = address(jid);
  }

  // What others begin a session with.
  async bundle() {
    const { privateKey } = this.identities.own;
    const [preKey, signed, kyber] = [PrivateKey.generate(), PrivateKey.generate(), KEMKeyPair.generate()];
    const signedSignature = privateKey.sign(signed.getPublicKey().serialize());
    const kyberSignature = privateKey.sign(kyber.getPublicKey().serialize());
    await this.preKeys.savePreKey(1, PreKeyRecord.new(1, preKey.getPublicKey(), preKey));
    const record = SignedPreKeyRecord.new(2, Date.now(), signed.getPublicKey(), signed, signedSignature);
    await this.signedPreKeys.saveSignedPreKey(2, record);
    await this.kyberPreKeys.saveKyberPreKey(3, KyberPreKeyRecord.new(3, Date.now(), kyber, kyberSignature));
    return {
      preKey: encode(preKey.getPublicKey().serialize()),
      signed: encode(signed.getPublicKey().serialize()),
      signedSignature: encode(signedSignature),
      identity: encode(this.identities.own.publicKey.serialize()),
      kyber: encode(kyber.getPublicKey().serialize()),
      kyberSignature: encode(kyberSignature),
    };
  }

  // Begins a session with somebody.
  async know(jid, bundle) {
    const given = Object.fromEntries(Object.entries(bundle).map(([name, text]) => [name, decode(text)]));
    const keys = PreKeyBundle.new(
      REGISTRATION,
      DEVICE,
      1,
      PublicKey.deserialize(given.preKey),
      2,
      PublicKey.deserialize(given.signed),
      given.signedSignature,
      PublicKey.deserialize(given.identity),
      3,
      KEMPublicKey.deserialize(given.kyber),
      given.kyberSignature,
    );
    await processPreKeyBundle(keys, address(jid), this.own, this.sessions, this.identities);
  }

  // The kind of the message, and its ciphertext in Base64.
  async write(jid, text) {
    const plain = new Uint8Array(Buffer.from(text));
    const message = await signalEncrypt(plain, address(jid), this.own, this.sessions, this.identities);
    return { kind: KINDS[message.type()], ciphertext: encode(message.serialize()) };
  }

  async read(jid, kind, ciphertext) {
    const [from, bytes] = [address(jid), decode(ciphertext)];
    const stores = [this.sessions, this.identities];
    const plain =
      kind === KINDS[CiphertextMessageType.PreKey]
        ? await signalDecryptPreKey(
            PreKeySignalMessage.deserialize(bytes),
            from,
            this.own,
            ...stores,
            this.preKeys,
            this.signedPreKeys,
            this.kyberPreKeys,
          )
        : await signalDecrypt(SignalMessage.deserialize(bytes), from, this.own, ...stores);
    return Buffer.from(plain).toString();
  }
}
