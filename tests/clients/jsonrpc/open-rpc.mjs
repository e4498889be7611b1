// Owns what npm's `@open-rpc/client-js` does: calls, batches and events, over HTTP and WebSocket.

import assert from "node:assert/strict";
import { Client, HTTPTransport, RequestManager, WebSocketTransport } from "@open-rpc/client-js";
import { run, until } from "../steps.mjs";
import {
    API_TOKEN, API_URL, assertError, assertFault, CREATE, dataOf, NAME, named, NOWHERE, READ,
    SOCKET_URL, UNKNOWN,
} from "./expected.mjs";

const PATIENCE = 20_000;
const statuses = [];
const surprises = []; // what the clients report beside answers
const events = [];

const overHttp = open(new HTTPTransport(`${API_URL}/rpc`, { headers: bearer(API_TOKEN), fetcher }));
// This client can neither set headers of the handshake nor name subprotocols: the token is the user
// name in the URL, which arrives as basic authentication.
const socketUrl = Object.assign(new URL(SOCKET_URL), { username: API_TOKEN });
const overWebSocket = open(new WebSocketTransport(socketUrl.href));

function bearer(token) {
    return { Authorization: `Bearer ${token}` };
}

async function fetcher(...args) {
    const response = await fetch(...args);
    statuses.push(response.status);
    return response;
}

function open(transport) {
    // Ids are text, and the first is "0".
    const manager = new RequestManager([transport]);
    const client = new Client(manager);
    client.onError(error => surprises.push(error));
    client.onNotification(({ params }) => events.push(params));
    const call = (method, params) => client.request({ method, params }, PATIENCE);
    const notify = (method, params) => client.notify({ method, params });
    return { client, manager, call, notify };
}

/** What became of calls that were sent as one batch. */
async function batch({ manager }, ...calls) {
    await manager.connectPromise;
    manager.startBatch();
    // Not by way of `client.request`, which waits for a moment first, until the batch is sent.
    const answers = calls.map(([method, params, told]) => manager.request({ method, params }, told));
    manager.stopBatch();
    return Promise.allSettled(answers);
}

async function refused(answer) {
    return answer.then(assert.fail, error => error);
}

const count = async name => dataOf(await overHttp.call(READ, [named(name)])).length;

async function callsByPosition(wire, name) {
    const result = await wire.call(CREATE, [`${NAME} ${name}`, { role: "read-only" }]);
    assert.equal(dataOf(result).name, `${NAME} ${name}`);
}

async function callsByName(wire, name) {
    const result = await wire.call(CREATE, { name: `${NAME} ${name}` });
    assert.equal(dataOf(result).name, `${NAME} ${name}`);
}

async function runsAPairAtOnce(wire) {
    const calls = [wire.call(READ, { options: { id: NOWHERE } }), wire.call(READ, [named("x")])];
    const [missing, none] = await Promise.allSettled(calls);
    assertError(missing.reason, 404, "Token not found");
    assert.deepEqual(dataOf(none.value), []);
}

async function callOverHttp() {
    await callsByPosition(overHttp, "position");
    await callsByName(overHttp, "name");
    await runsAPairAtOnce(overHttp);
}

async function notificationOverHttp() {
    assert.equal(await overHttp.notify(CREATE, [`${NAME} told`]), undefined);
    assert.equal(statuses.at(-1), 204);
    assert.equal(await count("told"), 1);
}

async function errorsOverHttpHaveTheCodesOfTheSpecification() {
    assertError(await refused(overHttp.call(UNKNOWN)), -32601, "Method not found");
    assertFault(await refused(overHttp.call(CREATE, [42])), "/0");
    assertFault(await refused(overHttp.call(CREATE, { name: 42 })), "/name");
}

async function strangersAreRefused() {
    const options = { headers: bearer("apt_nonsense"), fetcher };
    const stranger = open(new HTTPTransport(`${API_URL}/rpc`, options));
    assertError(await refused(stranger.call(READ)), -32815, "Session was deleted");
    const [one, two] = await batch(stranger, [READ, []], [UNKNOWN, []]);
    assertError(one.reason, -32815, "Session was deleted");
    assertError(two.reason, -32815, "Session was deleted");
}

async function batchOverHttp() {
    const [good, bad, told, unknown] = await batch(
        overHttp,
        [READ, [named("position")]],
        [CREATE, { name: 42 }],
        [CREATE, [`${NAME} batch, told`], true],
        [UNKNOWN, []],
    );
    assert.equal(dataOf(good.value).length, 1);
    assertFault(bad.reason, "/name");
    assert.deepEqual(told, { status: "fulfilled", value: undefined });
    assertError(unknown.reason, -32601, "Method not found");
    assert.equal(await count("batch, told"), 1);
}

async function batchOfNotificationsOverHttp() {
    const told = ["one", "two"].map(name => [CREATE, [`${NAME} ${name}`], true]);
    await batch(overHttp, ...told);
    assert.equal(statuses.at(-1), 204);
    assert.deepEqual([await count("one"), await count("two")], [1, 1]);
}

async function everyAnswerOverHttpWasHttp200() {
    assert.deepEqual([...new Set(statuses)].sort(), [200, 204]);
}

async function callOverWebSocket() {
    await callsByPosition(overWebSocket, "live position");
    await callsByName(overWebSocket, "live name");
    await runsAPairAtOnce(overWebSocket);
}

async function notificationOverWebSocket() {
    await overWebSocket.notify(CREATE, [`${NAME} live, told`]);
    await until(async () => (await count("live, told")) === 1);
}

async function errorsOverWebSocketHaveTheCodesOfTheService() {
    const unknown = await refused(overWebSocket.call(UNKNOWN));
    assertError(unknown, -32809, "API method not found");
    const invalid = await refused(overWebSocket.call(CREATE, { name: 42 }));
    assertError(invalid, -32808, "Arguments validation error");
    assert.deepEqual(invalid.data.meta.errors, ['Value at "/name" must be string']);
}

async function batchOverWebSocket() {
    const [good, told, bad] = await batch(
        overWebSocket,
        [READ, [named("position")]],
        [CREATE, [`${NAME} live batch, told`], true],
        [CREATE, []],
    );
    assert.equal(dataOf(good.value).length, 1);
    assert.deepEqual(told, { status: "fulfilled", value: undefined });
    assertError(bad.reason, -32808, "Arguments validation error");
    assert.equal(await count("live batch, told"), 1);
}

async function eventsAreNotifications() {
    assert.deepEqual(events, []);
    await overWebSocket.notify("/subscribe", [["api-tokens/change"]]);
    const { id } = dataOf(await overWebSocket.call(CREATE, [`${NAME} heard`]));
    await until(() => events.length);
    assert.deepEqual(events, [["api-tokens/change", { id, action: "create" }]]);
}

async function nobodyWasSurprised() {
    assert.deepEqual(surprises, []);
    overWebSocket.client.close();
}

await run([
    callOverHttp,
    notificationOverHttp,
    errorsOverHttpHaveTheCodesOfTheSpecification,
    strangersAreRefused,
    batchOverHttp,
    batchOfNotificationsOverHttp,
    everyAnswerOverHttpWasHttp200,
    callOverWebSocket,
    notificationOverWebSocket,
    errorsOverWebSocketHaveTheCodesOfTheService,
    batchOverWebSocket,
    eventsAreNotifications,
    nobodyWasSurprised,
]);
