// Owns what only an open connection can do: answers in any order, aborts, events as they happen.

import assert from "node:assert/strict";
import { ask, until } from "../steps.mjs";
import {
    api, API_TOKEN, connect, failsBy, NAME, rowBecomes, succeeds, succeedsBy,
} from "./stage.mjs";

const CHANGE = "api-tokens/change";
const PASSWORD = "correct horse battery";
// The client connects anew so many milliseconds after a connection was refused or lost.
const RECONNECT = 500;

const changes = []; // events that the client passed on
const note = change => changes.push(change);
const dead = connect(`${API_TOKEN.slice(0, -1)}${API_TOKEN.endsWith("a") ? "b" : "a"}`);
const began = performance.now();
let held, victim; // a token whose row others hold; a user with a token and a client of it

const create = async (name, client = api) =>
    (await succeedsBy(client, "api-tokens/create", `${NAME} ${name}`)).data;

// The operator's commands on the same database: another process than the one we are connected to.
const command = (...args) => ask("command", ...args);

const lastSent = (method, client = api) => client.sent.findLast(each => each.method === method);

const answerTo = (id, client = api) => client.received.find(each => each.id === id);

async function schemaIsServed() {
    const { data } = await succeeds("/schema");
    assert.ok(data.methods.some(({ name }) => name === "/v1/api-tokens/create"), "no such method");
}

async function quickCallOvertakesASlowOne() {
    held = await create("held");
    await ask("hold", held.id);
    const slow = succeeds("api-tokens/update", held.id, { name: `${NAME} slow` });
    const { id } = await until(() => lastSent("/v1/api-tokens/update"));
    const { data } = await succeeds("api-tokens/read", { id: held.id });
    assert.equal(data.name, `${NAME} held`);
    assert.equal(answerTo(id), undefined);
    await ask("release");
    assert.equal((await slow).data.name, `${NAME} slow`);
    const order = api.received.flatMap(each => each.id ?? []);
    assert.deepEqual(order.slice(-2), [id + 1, id]);
}

async function abortedCallGetsNoAnswer() {
    await ask("hold", held.id);
    const abort = new AbortController();
    const args = [held.id, { name: `${NAME} aborted` }];
    const aborted = api.call({ method: "api-tokens/update", args, signal: abort.signal });
    const { id } = await until(() => api.sent.find(({ params }) => params[1]?.name === args[1].name));
    abort.abort();
    assert.equal((await aborted).status, -32817);
    assert.deepEqual(api.sent.at(-1), { jsonrpc: "2.0", method: "/abort", params: [id] });
    await succeeds("api-tokens/read", { id: held.id }); // the abort was taken by now
    await ask("release");
    await rowBecomes(held.id, "name", `${NAME} aborted`); // what has begun runs on
    await succeeds("session/read");
    assert.equal(answerTo(id), undefined);
}

async function callAbortedBeforehandIsNotSent() {
    const before = api.frames.length;
    const call = { method: "api-tokens/delete", args: [held.id], signal: AbortSignal.abort() };
    assert.equal((await api.call(call)).status, -32817);
    assert.equal(api.frames.length, before);
}

async function subscribes() {
    api.on(CHANGE, note);
    const { params, id } = await until(() => lastSent("/subscribe"));
    assert.deepEqual([params, id], [[[CHANGE]], undefined]);
}

/** What has been told since; nothing else may come before it. */
async function hears(...expected) {
    await until(() => changes.length >= expected.length);
    await succeeds("session/read");
    assert.deepEqual(changes.splice(0), expected.map(([action, { id }]) => ({ id, action })));
}

async function changesOfOnesOwnAreTold() {
    const token = await create("told");
    await hears(["create", token]);
    await succeeds("api-tokens/set-enabled", token.id, false);
    await hears(["disable", token]);
    await succeeds("api-tokens/set-enabled", token.id, true);
    await hears(["enable", token]);
    await succeeds("api-tokens/update", token.id, { name: `${NAME} renamed` });
    await hears(["update", token]);
    await succeeds("api-tokens/rotate", token.id);
    await hears(["rotate", token]);
    await succeeds("api-tokens/delete", token.id);
    await hears(["delete", token]);
}

async function changesMadeOverHttpAreTold() {
    const http = connect(API_TOKEN, false);
    const token = await create("over HTTP", http);
    await succeedsBy(http, "api-tokens/set-enabled", token.id, false);
    await succeedsBy(http, "api-tokens/delete", token.id);
    await hears(["create", token], ["disable", token], ["delete", token]);
}

async function changesMadeByAnotherProcessAreTold() {
    const secret = await command("token", "create", `${NAME} by another`);
    const { data: [token] } = await succeeds("api-tokens/read", { where: { token: secret } });
    await hears(["create", token]);
    await command("token", "disable", token.id);
    await hears(["disable", token]);
    await command("token", "delete", token.id);
    await hears(["delete", token]);
}

// A user with a token, made as people make them, so that root hears nothing of it.
async function newVictim(name) {
    const { data: user } = await succeeds("users/create", `${NAME} ${name}`);
    await succeeds("users/set-password", user.id, PASSWORD);
    const http = connect(undefined, false);
    const { data: session } = await succeedsBy(http, "session/sign-in", user.name, PASSWORD);
    const token = await create(name, connect(session.token, false));
    const client = connect(token.token);
    await succeedsBy(client, "session/read");
    return { user, token, client };
}

/** The service tells this, once, before the client asks; then calls are refused like this. */
async function isTold(client, event, code) {
    const earlier = client.published.length;
    await until(() => client.published.length > earlier);
    assert.deepEqual(client.system.splice(0), [event]);
    await failsBy(client, code, "session/read");
    assert.deepEqual(client.published.slice(earlier), [[event]]);
    assert.deepEqual(client.system.splice(0), [event]); // the client's own, of a refused call
    assert.deepEqual([client.opened, client.closed], [1, 0]);
}

async function changesOfOthersAreNotTold() {
    victim = await newVictim("victim");
    await succeedsBy(victim.client, "api-tokens/update", victim.token.id, { name: `${NAME} theirs` });
    const token = await create("after the victim");
    await hears(["create", token]);
}

async function disabledTokenIsTold() {
    const told = isTold(victim.client, "sessionDisable", -32813);
    await command("token", "disable", victim.token.id);
    await told;
    await command("token", "enable", victim.token.id);
    await succeedsBy(victim.client, "session/read");
}

async function disabledUserIsTold() {
    const told = isTold(victim.client, "sessionDisable", -32813);
    await succeeds("users/set-enabled", victim.user.id, false);
    await told;
    await succeeds("users/set-enabled", victim.user.id, true);
    await succeedsBy(victim.client, "session/read");
}

async function deletedTokenIsTold() {
    const told = isTold(victim.client, "sessionDelete", -32815);
    await succeedsBy(victim.client, "api-tokens/delete", victim.token.id);
    await told;
}

async function deletedUserIsTold() {
    const { user, client } = await newVictim("other victim");
    const told = isTold(client, "sessionDelete", -32815);
    await command("user", "delete", user.name, "--yes");
    await told;
}

async function deniedCallsArePlainResults() {
    const guest = connect(undefined);
    const res = await failsBy(guest, -32811, "api-tokens/read");
    assert.equal(res.statusText, "Access denied");
    const token = await create("powerless");
    const powerless = connect(token.token);
    await failsBy(powerless, -32811, "users/read");
    await succeedsBy(powerless, "api-tokens/read");
    assert.deepEqual([guest.system, powerless.system], [["accessDenied"], ["accessDenied"]]);
    await hears(["create", token]);
}

async function newTokenOpensAConnectionThatIsSubscribed() {
    const token = await create("powerless, then root");
    const client = connect(token.token);
    const heard = [];
    const subscriptions = () => client.sent.filter(({ method }) => method === "/subscribe");
    client.on(CHANGE, change => heard.push(change));
    await until(() => subscriptions().length === 1);
    client.token = API_TOKEN;
    await until(() => subscriptions().length === 2);
    await failsBy(client, 404, "api-tokens/read", { id: victim.token.id });
    assert.deepEqual([client.opened, client.closed], [2, 1]);
    const made = await create("heard by both");
    await until(() => heard.length);
    assert.deepEqual(heard, [{ id: made.id, action: "create" }]);
    await hears(["create", token], ["create", made]);
}

async function unsubscribes() {
    api.off(CHANGE, note);
    await until(() => lastSent("/unsubscribe"));
    const earlier = api.published.length;
    const token = await create("untold");
    await command("token", "delete", token.id);
    await succeeds("session/read");
    assert.equal(api.published.length, earlier);
}

async function deadTokenDoesNotConnectAgain() {
    await failsBy(dead, -32815, "session/read");
    await until(() => performance.now() - began > 3 * RECONNECT);
    for (const client of [dead, victim.client]) {
        await failsBy(client, -32815, "session/read");
        assert.deepEqual([client.opened, client.closed], [1, 0]);
    }
}

// Every call but the aborted one was answered, once; void calls never; on one connection.
async function nothingElseHappened() {
    const aborted = api.sent.find(({ method }) => method === "/abort").params[0];
    const asked = api.sent.flatMap(({ id }) => id ?? []).filter(id => id !== aborted);
    const answered = api.received.flatMap(({ method, id }) => (method ? [] : [id]));
    assert.deepEqual(answered.toSorted((a, b) => a - b), asked);
    assert.ok(api.received.every(({ method }) => [undefined, "/publish"].includes(method)));
    assert.deepEqual([api.opened, api.closed, api.system], [1, 0, []]);
}

export const STEPS = [
    schemaIsServed,
    quickCallOvertakesASlowOne,
    abortedCallGetsNoAnswer,
    callAbortedBeforehandIsNotSent,
    subscribes,
    changesOfOnesOwnAreTold,
    changesMadeOverHttpAreTold,
    changesMadeByAnotherProcessAreTold,
    changesOfOthersAreNotTold,
    disabledTokenIsTold,
    disabledUserIsTold,
    deletedTokenIsTold,
    deletedUserIsTold,
    deniedCallsArePlainResults,
    newTokenOpensAConnectionThatIsSubscribed,
    unsubscribes,
    deadTokenDoesNotConnectAgain,
    nothingElseHappened,
];
