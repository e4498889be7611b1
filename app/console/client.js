// Owns what the console knows of the service: who is signed in, calls, and what happens elsewhere.

import Api from "/api.js";

const http = new Api("/api/");
const SIGNED_OUT = new Set([-32812, -32815]);
const DENIED = -32811;
// Milliseconds: until a connection counts as lost, and between two looks while it is.
const [PATIENCE, POLL] = [3000, 10_000];

/** Who is signed in, and what is set for the service. */
export const state = { user: null, permissions: {}, settings: null };

let signIn = async () => {};
let waiting = null; // of several calls that find nobody signed in, one asks

/** How a person is asked to sign in, where a call finds that nobody is. */
export function askBy(ask) { signIn = ask; }

/** Call a method; who is not signed in any more is asked to, and then it goes on. */
export async function call(method, ...args) {
    for (;;) {
        const res = await http.call(method, ...args);
        if (!isSignedOut(res) || !await hasEnded(res)) return res;
        waiting ??= signIn().finally(() => { waiting = null; });
        await waiting;
    }
}

/** The same, for one that a newer one takes the place of. */
export function callUnless(signal, method, ...args) {
    return signal.aborted ? { ok: false, status: -32817 } : http.call({ method, args, signal });
}

/** Whether it may be that nobody is signed in any more. */
export const isSignedOut = res => [DENIED, ...SIGNED_OUT].includes(res.status);

async function hasEnded(res) {
    return SIGNED_OUT.has(res.status) || (await http.call("session/read")).status === DENIED;
}

/** Sign in; answers what that comes to. */
export async function signedIn(name, password) {
    const res = await http.call("session/sign-in", name, password);
    return res.ok ? recognized() : res;
}

/** Find out who is signed in. */
export async function recognized() {
    const who = await http.call("session/read");
    if (!who.ok) return who;
    const settings = await http.call("settings/read");
    if (!settings.ok) return settings;
    Object.assign(state, { user: who.data.user, permissions: who.data.permissions, settings: settings.data });
    return who;
}

export async function signedOut() {
    await http.call("session/sign-out");
    Object.assign(state, { user: null, permissions: {}, settings: null });
}

export const holds = permission => state.permissions[permission] === true;

/** Hear of changes: `changed` is told of each, `missed` that some may have gone by, `live` how it is. */
export function listen({ changed, missed, live }) {
    const socket = new Api("/api/", { persistent: true });
    let isLive = false, timer = setTimeout(() => tell(false), PATIENCE);
    let poll = null;
    function tell(now) {
        clearTimeout(timer);
        clearInterval(poll);
        isLive = now;
        poll = now ? null : setInterval(() => { if (!document.hidden) missed(); }, POLL);
        live(now);
    }
    socket.on("api-tokens/change", ({ id, action }) => (action === "missed" ? missed() : changed(id, action)));
    socket.on("connect", () => { if (!isLive) { tell(true); missed(); } });
    socket.on("disconnect", () => { timer = setTimeout(() => tell(false), PATIENCE); isLive = false; });
    return () => { clearTimeout(timer); clearInterval(poll); socket.close(); };
}

/** What is wrong, by the field that it is about; what belongs to none is under "". */
export function faults(res, fields, places) {
    const found = new Map();
    for (const { path, message } of res.meta?.faults ?? []) {
        const field = places[path] ?? fields.find(name => path.split("/").includes(name)) ?? "";
        if (!found.has(field)) found.set(field, `${message[0].toUpperCase()}${message.slice(1)}`);
    }
    if (!found.size) found.set("", words(res));
    return found;
}

/** A refusal in words. */
export function words(res) {
    if (res.status === 0) return "The service cannot be reached.";
    if (res.status === -32814 || res.status === 503) return "The service is busy or restarting.";
    return `${res.statusText}.`.replace(/\.\.$/, ".");
}

/** Whether it makes sense to try the same again. */
export const isPassing = res => [0, -32802, -32814, -32816, 502, 503, 504].includes(res.status);
