// Owns what every step stands on: the public client, unmodified, and what goes over its wire.
// API_URL and API_TOKEN say where and as whom; PERSISTENT that it is over WebSocket.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import Api from "@softvisio/core/api";
import { until } from "../steps.mjs";

export const { API_URL, API_TOKEN } = process.env;
export const PERSISTENT = process.env.PERSISTENT === "true";
export const NAME = `softvisio ${randomUUID()}`;

/** The client, whose WebSocket is looked at from outside. */
export class Watched extends Api {
    opened = 0;
    closed = 0;
    frames = []; // { sent } and { received }, in their order
    system = []; // events that the client raises

    _createWebSocket(url, protocols) {
        const socket = super._createWebSocket(url, protocols);
        const send = text => {
            this.frames.push({ sent: JSON.parse(text) });
            Object.getPrototypeOf(socket).send.call(socket, text);
        };
        socket.addEventListener("open", () => this.opened++);
        socket.addEventListener("close", () => this.closed++);
        socket.addEventListener("message", ({ data }) => {
            this.frames.push({ received: JSON.parse(data) });
        });
        return Object.assign(socket, { send });
    }

    get sent() {
        return this.frames.flatMap(({ sent }) => sent ?? []);
    }

    get received() {
        return this.frames.flatMap(({ received }) => received ?? []);
    }

    /** What the service published, as [name, ...arguments]. */
    get published() {
        return this.received.flatMap(({ method, params }) => (method === "/publish" ? [params] : []));
    }
}

export function connect(token, persistent = PERSISTENT) {
    const client = new Watched(`${API_URL}/api/`, { token, persistent });
    for (const name of ["sessionDisable", "sessionDelete", "accessDenied"]) {
        client.on(name, () => client.system.push(name));
    }
    return client;
}

export const api = connect(API_TOKEN);

export async function succeeds(method, ...args) {
    return succeedsBy(api, method, ...args);
}

export async function succeedsBy(client, method, ...args) {
    const res = await client.call(method, ...args);
    assert.ok(res.ok, `${method} answered ${res} ${JSON.stringify(res.meta)}`);
    assert.deepEqual([res.status, res.statusText], [200, "OK"]);
    assert.deepEqual([res.error, res.isException], [false, false]);
    return res;
}

export async function fails(status, method, ...args) {
    return failsBy(api, status, method, ...args);
}

export async function failsBy(client, status, method, ...args) {
    const res = await client.call(method, ...args);
    assert.equal(res.status, status, `${method} answered ${res}`);
    assert.deepEqual([res.ok, res.error, res.isException], [false, true, false]);
    assert.ok(res.data == null);
    return res;
}

export const row = async id => (await succeeds("api-tokens/read", { id })).data;

/** Wait until a row is as it should be: nobody says when a void call is done. */
export const rowBecomes = async (id, field, value) =>
    until(async () => (await row(id))[field] === value);
