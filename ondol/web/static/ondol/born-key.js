// Makes an ed25519 key in this browser. Its private half goes into a file, and nowhere else.
(() => {
  "use strict";

  const place = document.getElementById("born-key");
  const part = (name) => document.getElementById(`born-${name}`);
  const show = (name) => { place.querySelector(`[data-born="${name}"]`).hidden = false; };
  place.querySelector('[data-born="none"]').hidden = true;

  // Browsers offer WebCrypto by https and on localhost only, and not all of them know Ed25519.
  able().then((is) => {
    if (!is) return show("unable");
    part("make").hidden = false;
  });
  part("make").addEventListener("click", make);
  part("file").addEventListener("click", () => { part("use").disabled = false; });

  async function able() {
    if (!window.isSecureContext || !window.crypto?.subtle) return false;
    try {
      await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
      return true;
    } catch {
      return false;
    }
  }

  async function make() {
    part("make").disabled = true;
    const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const { d, x } = await crypto.subtle.exportKey("jwk", pair.privateKey);
    const seed = fromBase64Url(d);
    const key = fromBase64Url(x);
    const blob = join(string("ssh-ed25519"), string(key));
    const line = `ssh-ed25519 ${toBase64(blob)}`;
    const stem = place.dataset.prefix + hex(await sha256(text(line))).slice(0, 8);
    const file = new Blob([privateFile(seed, key, blob, stem)], { type: "application/x-pem-file" });
    part("file").href = URL.createObjectURL(file);
    part("file").download = `${stem}.pem`;
    part("fingerprint").textContent = `SHA256:${toBase64(await sha256(blob)).replace(/=+$/, "")}`;
    part("public").value = `${line} ${stem}`;
    part("make").hidden = true;
    part("made").hidden = false;
    part("file").focus();
  }

  // OpenSSH's own format, without a passphrase: PROTOCOL.key in its sources. It refuses ed25519 in PKCS #8.
  function privateFile(seed, key, blob, comment) {
    const check = crypto.getRandomValues(new Uint8Array(4));
    const secret = [check, check, string("ssh-ed25519"), string(key), string(join(seed, key)), string(comment)];
    let inside = join(...secret);
    const padding = Array.from({ length: (8 - (inside.length % 8)) % 8 }, (_, index) => index + 1);
    inside = join(inside, Uint8Array.from(padding));
    const whole = join(
      text("openssh-key-v1\0"), string("none"), string("none"), string(""), number(1), string(blob), string(inside),
    );
    const lines = toBase64(whole).match(/.{1,70}/g).join("\n");
    return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
  }

  function text(words) {
    return new TextEncoder().encode(words);
  }

  function string(value) {
    const bytes = typeof value === "string" ? text(value) : value;
    return join(number(bytes.length), bytes);
  }

  function number(value) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return bytes;
  }

  function join(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, each) => sum + each.length, 0));
    let at = 0;
    for (const each of parts) {
      whole.set(each, at);
      at += each.length;
    }
    return whole;
  }

  async function sha256(bytes) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  }

  function hex(bytes) {
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function toBase64(bytes) {
    return btoa(String.fromCharCode(...bytes));
  }

  function fromBase64Url(words) {
    return Uint8Array.from(atob(words.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  }
})();
