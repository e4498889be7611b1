// Owns the client for pages and Node: calls by HTTP or one WebSocket, live events. Types: api.d.ts
// Milliseconds until a broken connection is opened again: random, and longer after vain attempts.
const [SHORTEST_DELAY, LONGEST_DELAY] = [500, 30_000];
// What browsers take for a subprotocol, which is where a WebSocket's token has its place.
const CARRIED = /^[\w!#$%&'*+.^`|~-]*$/;
// Half a character, which JSON can escape and the service cannot decode: it ignores such a frame.
const UNDECODABLE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;
// Milliseconds of silence until the service is asked for a sign of life, and until none has come.
const [SILENCE, PATIENCE] = [30_000, 10_000];
const EVENTS_OF_REFUSALS = { [-32813]: "sessionDisable", [-32815]: "sessionDelete" };

/** What became of a call: `status` is 200 or the code of a refusal, 0 if there was no answer. */
function made(status, statusText, { data, meta = {}, exception: isException = false } = {}) {
    const ok = status >= 200 && status < 300;
    return { ok, error: !ok, status, statusText, isException, data, meta };
}

const aborted = () => made(-32817, "Request aborted");
const unanswered = why => made(0, `No answer: ${why}`);

/** The result in an envelope; whatever else comes over HTTP was not said by the service. */
function opened({ result, error }, response = { ok: true }) {
    if (error?.code) return made(error.code, error.message, error.data);
    if (result?.status) return made(result.status, result.status_text, result);
    if (response.ok) return made(-32807, "Unable to decode RPC message body");
    return made(response.status, response.statusText);
}

/** The result of a call whose arguments cannot be sent; undefined if they can. */
function unsendable(args) {
    try { if (!UNDECODABLE.test(JSON.stringify(args))) return undefined; } catch { /* no JSON */ }
    return opened({});
}

function parsed(text) { try { return JSON.parse(text) ?? {}; } catch { return {}; } }

/** Calls the methods of the service. A call that is refused or gets no answer throws nothing. */
export default class Api {
    #url; #token; #socket; #timer;
    #isOpen = false; #attempts = 0; #lastId = 0;
    #end = null; // what becomes of calls once the connection is closed for good
    #calls = new Map(); // id → what takes the result
    #unsent = new Set(); // frames that wait for the connection
    #listeners = new Map(); // event → listener → what calls it

    constructor(url, { token, persistent } = {}) {
        const { origin, pathname, protocol, username } = new URL(url, globalThis.location?.href);
        if (!/^(http|ws)s?:$/.test(protocol)) throw new TypeError(`No URL of a service: ${url}`);
        this.isPersistent = persistent ?? protocol.startsWith("ws");
        this.#url = origin.replace(/^ws/, "http") + pathname.replace(/\/?$/, "/");
        this.#open(token ?? decodeURIComponent(username));
    }

    get isConnected() { return this.#isOpen; }
    get token() { return this.#token; }
    set token(token) { if (!token || token !== this.#token) this.#open(token); }
    close() { this.#leave(this.#end ??= unanswered("the connection is closed")); }

    async call(method, ...args) {
        const call = typeof method === "string" ? { method, args } : { args: [], ...method };
        const name = call.method.startsWith("/") ? call.method : `/v1/${call.method}`;
        const send = call.http || !this.isPersistent ? this.#post : this.#ask;
        const res = unsendable(call.args) ?? await send.call(this, name, call);
        if (call.void) return undefined;
        if (res.status in EVENTS_OF_REFUSALS) this.#emit(EVENTS_OF_REFUSALS[res.status]);
        return res;
    }

    voidCall(method, ...args) { this.call({ method, args, void: true }); }

    on(name, listener, call = listener) {
        const listeners = this.#listeners.get(name) ?? new Map();
        this.#listeners.set(name, listeners.set(listener, call));
        if (this.#isOpen && listeners.size === 1) this.#send("/subscribe", [[name]]);
        return this;
    }

    once(name, listener) {
        return this.on(name, listener, (...args) => { this.off(name, listener); listener(...args); });
    }

    off(name, listener) {
        const listeners = this.#listeners.get(name);
        if (!listeners?.delete(listener) || listeners.size) return this;
        this.#listeners.delete(name);
        if (this.#isOpen) this.#send("/unsubscribe", [[name]]);
        return this;
    }

    #emit(name, ...args) {
        const listeners = this.#listeners.get(name) ?? [];
        for (const [listener, call] of listeners) { // what one throws is no affair of the others
            queueMicrotask(() => listeners.has(listener) && call(...args));
        }
    }

    /** POST even without arguments: not every browser tells with a GET whose page it comes from. */
    async #post(name, { args, signal, void: unwanted }) {
        const headers = { "content-type": "application/json" };
        if (this.#token) headers.authorization = `Bearer ${this.#token}`;
        if (unwanted) headers["x-api-void-call"] = "true";
        const credentials = this.#token ? "omit" : "same-origin"; // the service refuses two at once
        const options = { method: "POST", headers, credentials, body: JSON.stringify(args), signal };
        try {
            const response = await fetch(this.#url + name.slice(1), options);
            return opened(parsed(await response.text()), response);
        } catch (error) {
            return signal?.aborted ? aborted() : unanswered(error.cause?.message || error.message);
        }
    }

    async #ask(name, { args, signal, void: unwanted }) {
        if (this.#end || signal?.aborted) return this.#end ?? aborted();
        if (unwanted) return this.#send(name, args);
        const id = ++this.#lastId;
        const frame = this.#send(name, args, id);
        return new Promise(resolve => {
            const abort = () => {
                if (!this.#unsent.delete(frame)) this.#send("/abort", [id]);
                this.#calls.get(id)(aborted());
            };
            signal?.addEventListener("abort", abort);
            this.#calls.set(id, res => {
                signal?.removeEventListener("abort", abort);
                this.#calls.delete(id);
                resolve(res);
            });
        });
    }

    /** Send a frame, as soon as the connection is open. */
    #send(method, params, id) {
        const frame = { text: JSON.stringify({ jsonrpc: "2.0", method, params, id }) };
        if (this.#isOpen) this.#socket.send(frame.text);
        else this.#unsent.add(frame);
        return frame;
    }

    #open(token) {
        if (this.isPersistent && !CARRIED.test(token ?? "")) {
            throw new TypeError("No WebSocket can carry this token, because of characters it has");
        }
        [this.#token, this.#attempts] = [token || null, 0];
        if (!this.isPersistent || this.#end) return;
        this.#leave(unanswered("the connection was opened anew"));
        this.#connect();
    }

    #connect() {
        const protocols = ["jsonrpc_2.0", this.#token].filter(Boolean);
        this.#socket = new WebSocket(this.#url.replace("http", "ws"), protocols);
        this.#socket.onopen = () => this.#begin();
        this.#socket.onmessage = ({ data }) => this.#take(parsed(data));
        this.#socket.onclose = ({ code }) => this.#retry(code);
    }

    #begin() {
        [this.#isOpen, this.#attempts] = [true, 0];
        // First: events may be about the calls that have waited.
        if (this.#listeners.size) this.#send("/subscribe", [[...this.#listeners.keys()]]);
        this.#unsent.forEach(frame => this.#socket.send(frame.text));
        this.#unsent.clear();
        this.#emit("connect");
        this.#watch();
    }

    /** A connection may die without a word. Whoever answers 0, a call's id never, is there. */
    #watch() {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => {
            this.#timer = setTimeout(() => this.#retry("silent"), PATIENCE);
            this.#send("/subscribe", [[]], 0);
        }, SILENCE);
    }

    #take({ method, params, id, ...answer }) {
        this.#watch();
        if (method === "/publish") this.#emit(...params);
        else this.#calls.get(id)?.(opened(answer));
    }

    #retry(code) {
        const longest = Math.min(LONGEST_DELAY, SHORTEST_DELAY * 2 ** ++this.#attempts);
        const delay = SHORTEST_DELAY + Math.random() * (longest - SHORTEST_DELAY);
        this.#leave(unanswered(`the connection broke (${code})`));
        this.#timer = setTimeout(() => this.#connect(), delay);
    }

    /** Be done with the socket. What it was asked is not asked again by itself: it may have run. */
    #leave(res) {
        if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
        this.#socket?.close();
        clearTimeout(this.#timer);
        this.#unsent.clear();
        this.#calls.forEach(finish => finish(res));
        if (this.#isOpen) this.#emit("disconnect", res);
        [this.#socket, this.#isOpen] = [null, false];
    }
}
