// Owns what npm's `jayson` does: calls and batches over HTTP at /rpc, and over WebSocket.

import assert from "node:assert/strict";
import { once } from "node:events";
import jayson from "jayson/promise/index.js";
import WebSocket from "ws";
import { run } from "../steps.mjs";
import {
    API_TOKEN, API_URL, assertError, assertFault, CREATE, dataOf, NAME, named, NOWHERE, READ,
    SOCKET_URL, UNKNOWN,
} from "./expected.mjs";

const http = connect(API_TOKEN);
const statuses = [];
http.on("http response", ({ statusCode }) => statuses.push(statusCode));

let socket, live; // an open connection, and the client that uses it

function connect(token, path = "/rpc") {
    const { hostname, port } = new URL(API_URL);
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    return jayson.Client.http({ hostname, port, path, headers });
}

// A call of a batch: made, but not sent.
const call = (method, params, id) => http.request(method, params, id, false);

const count = async name => dataOf((await http.request(READ, [named(name)])).result).length;

async function callByPosition() {
    const answer = await http.request(CREATE, [`${NAME} position`, { role: "read-only" }], "first");
    assert.deepEqual([answer.jsonrpc, answer.id], ["2.0", "first"]);
    assert.equal(dataOf(answer.result).name, `${NAME} position`);
}

async function callByName() {
    const { result } = await http.request(CREATE, { name: `${NAME} name` });
    assert.equal(dataOf(result).name, `${NAME} name`);
}

async function callWithoutArguments() {
    const { result } = await http.request("v1/session/read", []);
    assert.equal(dataOf(result).user.name, "root");
}

async function notificationIsNotAnswered() {
    assert.equal(await http.request(CREATE, [`${NAME} told`], null), undefined);
    assert.equal(statuses.at(-1), 204);
    assert.equal(await count("told"), 1);
}

async function errorsHaveTheCodesOfTheSpecification() {
    const { error: unknown } = await http.request(UNKNOWN, []);
    assertError(unknown, -32601, "Method not found");
    const { error: byPosition } = await http.request(CREATE, [42]);
    assertFault(byPosition, "/0");
    const { error: byName } = await http.request(CREATE, { name: 42 });
    assertFault(byName, "/name");
    const { error: own } = await http.request(READ, [{ id: NOWHERE }]);
    assertError(own, 404, "Token not found");
}

async function errorsOfWhoCallsAreAnswersToo() {
    const { error: guest } = await connect(undefined).request(READ, []);
    assertError(guest, -32811, "Access denied");
    const { error: stranger } = await connect("apt_nonsense").request(READ, []);
    assertError(stranger, -32815, "Session was deleted");
}

async function batchOfGoodAndBad() {
    const batch = [
        call(CREATE, [`${NAME} batch`], "good"),
        call(CREATE, { name: 42 }, "bad"),
        call(CREATE, [`${NAME} batch, told`], null),
        call(UNKNOWN, [], 3),
        { foo: "boo" },
        call(READ, [named("position")], 4),
    ];
    const answers = await http.request(batch);
    const byId = new Map(answers.map(answer => [answer.id, answer]));
    assert.deepEqual([...byId.keys()].sort(), [3, 4, "bad", "good", null].sort());
    assert.equal(dataOf(byId.get("good").result).name, `${NAME} batch`);
    assertFault(byId.get("bad").error, "/name");
    assertError(byId.get(3).error, -32601, "Method not found");
    assertError(byId.get(null).error, -32600, "Invalid Request");
    assert.equal(dataOf(byId.get(4).result).length, 1);
    assert.equal(await count("batch, told"), 1);
}

async function batchOfNotificationsIsNotAnswered() {
    const batch = ["one", "two"].map(name => call(CREATE, [`${NAME} ${name}`], null));
    assert.equal(await http.request(batch), undefined);
    assert.equal(statuses.at(-1), 204);
    assert.deepEqual([await count("one"), await count("two")], [1, 1]);
}

async function batchThatIsTooLongIsRefused() {
    const answer = await http.request(Array.from({ length: 101 }, (_, id) => call(READ, [], id)));
    assert.equal(answer.id, null);
    assertError(answer.error, -32600, "Invalid Request: a batch may have at most 100 calls");
}

async function otherPathIsTheSame() {
    const { result } = await connect(API_TOKEN, "/api/rpc").request(READ, [named("position")]);
    assert.equal(dataOf(result).length, 1);
}

async function everyAnswerOverHttpWasHttp200() {
    assert.deepEqual([...new Set(statuses)].sort(), [200, 204]);
}

async function opensAWebSocket() {
    socket = new WebSocket(SOCKET_URL, ["jsonrpc_2.0", API_TOKEN]);
    await once(socket, "open");
    assert.equal(socket.protocol, "jsonrpc_2.0");
    live = jayson.Client.websocket({ ws: socket, timeout: 20_000 });
}

async function callsOverWebSocket() {
    const [byPosition, byName] = await Promise.all([
        live.request(READ, [named("position")], 1),
        live.request(CREATE, { name: `${NAME} live` }, 2),
    ]);
    assert.deepEqual([byPosition.id, byName.id], [1, 2]);
    assert.equal(dataOf(byPosition.result).length, 1);
    assert.equal(dataOf(byName.result).name, `${NAME} live`);
    const { error } = await live.request(READ, [{ id: NOWHERE }]);
    assertError(error, 404, "Token not found");
}

async function batchOverWebSocket() {
    const batch = [
        call(READ, [named("position")], "good"),
        call(CREATE, [`${NAME} live, told`], null),
        call(CREATE, [], "bad"),
    ];
    const answers = await live.request(batch);
    const byId = Object.fromEntries(answers.map(answer => [answer.id, answer]));
    assert.deepEqual(Object.keys(byId).sort(), ["bad", "good"]);
    assert.equal(dataOf(byId.good.result).length, 1);
    assertError(byId.bad.error, -32808, "Arguments validation error"); // the code of this wire
    assert.equal(await count("live, told"), 1);
}

async function webSocketClosesWell() {
    socket.close(1000);
    const [code] = await once(socket, "close");
    assert.equal(code, 1000);
}

await run([
    callByPosition,
    callByName,
    callWithoutArguments,
    notificationIsNotAnswered,
    errorsHaveTheCodesOfTheSpecification,
    errorsOfWhoCallsAreAnswersToo,
    batchOfGoodAndBad,
    batchOfNotificationsIsNotAnswered,
    batchThatIsTooLongIsRefused,
    otherPathIsTheSame,
    everyAnswerOverHttpWasHttp200,
    opensAWebSocket,
    callsOverWebSocket,
    batchOverWebSocket,
    webSocketClosesWell,
]);
