// Owns what the console knows of the service: who is signed in, calls, and what happens elsewhere.

import Api from "/api.js";

const http = new Api("/api/");
const SIGNED_OUT = new Set([-32812, -32815]);
const DENIED = -32811;
// Milliseconds: until a connection counts as lost, and between two looks while it is, and while it is not.
const [PATIENCE, POLL, LIVE_POLL] = [3000, 10_000, 60_000];
/** Rows that are read at once. */
export const PAGE = 100;

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
        if (!mayBeSignedOut(res) || !await hasEnded(res)) return res;
        waiting ??= signIn().finally(() => { waiting = null; });
        await waiting;
    }
}

/** The same, for one that a newer one takes the place of. */
export async function callUnless(signal, method, ...args) {
    const res = await http.call({ method, args, signal });
    return !signal.aborted && mayBeSignedOut(res) ? call(method, ...args) : res;
}

/** Read what comes behind the rows of `before` until there are so many. `ask` calls with read options.
 * Answers all of them as `rows`, the `cursor` behind the last, `total` if it was counted, and the last `res`. */
export async function listed(ask, before, wanted) {
    let { rows, cursor } = before, total, res;
    do {
        res = await ask({ limit: PAGE, ...(rows.length ? { after: cursor } : {}) });
        if (!res.ok) break;
        [rows, cursor, total] = [[...rows, ...res.data], res.meta.next_cursor, res.meta.total_rows ?? total];
    } while (cursor && rows.length < wanted);
    return { res, rows, cursor, total };
}

/** Whether rows that were read anew are those that are shown. */
export const isSame = (rows, others) => JSON.stringify(rows) === JSON.stringify(others);

const mayBeSignedOut = res => [DENIED, ...SIGNED_OUT].includes(res.status);

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

/** Sign out; answers what that comes to. Who was not signed in any more has, too. */
export async function signedOut() {
    const res = await http.call("session/sign-out");
    if (!isPassing(res)) Object.assign(state, { user: null, permissions: {}, settings: null });
    return res;
}

export const holds = permission => state.permissions[permission] === true;

/** Hear of changes: `changed` is told of each, `missed` that some may have gone by, `live` how it is. */
export function listen({ changed, missed, live }) {
    const socket = new Api("/api/", { persistent: true });
    let isLive = false, isOver = false, poll = null, timer = setTimeout(() => tell(false), PATIENCE);
    function tell(now) {
        stop();
        isLive = now;
        poll = setInterval(() => { if (!document.hidden) missed(); }, now ? LIVE_POLL : POLL);
        live(now);
    }
    function stop() {
        clearTimeout(timer);
        clearInterval(poll);
    }
    socket.on("api-tokens/change", ({ id, action }) => (action === "missed" ? missed() : changed(id, action)));
    socket.on("connect", () => { if (!isLive) { tell(true); missed(); } });
    socket.on("disconnect", () => { if (!isOver) { timer = setTimeout(() => tell(false), PATIENCE); isLive = false; } });
    // Somebody may have signed in anew in another tab: a new connection is theirs.
    socket.on("sessionDelete", () => { socket.token = null; });
    return () => { isOver = true; stop(); socket.close(); };
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
    if ([-32814, 502, 503, 504].includes(res.status)) return "The service is busy or restarting.";
    return `${res.statusText || `Something went wrong (${res.status})`}.`.replace(/\.\.$/, ".");
}

/** Whether it makes sense to try the same again. */
export const isPassing = res => [0, -32802, -32814, -32816, 502, 503, 504].includes(res.status);
