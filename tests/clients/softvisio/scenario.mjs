// Owns the scenario: what a front-end developer does with API tokens, through the public client.

import assert from "node:assert/strict";
import diagnostics from "node:diagnostics_channel";
import result from "@softvisio/result";
import { run } from "../steps.mjs";
import {
    api, API_URL, connect, fails, failsBy, NAME, PERSISTENT, row, rowBecomes, succeeds, succeedsBy,
} from "./stage.mjs";

const NOWHERE = "01900000-0000-7000-8000-000000000000";

// Exact, so a secret or a digest among the rows fails the scenario.
const ROW_FIELDS = [
    "created", "created_by", "enabled", "expires", "hint", "id", "key_id", "last_used", "metadata",
    "name", "permissions", "role", "rotation", "updated", "user_id",
];

const requests = [];
let plain, reader; // the two tokens the scenario makes

diagnostics.subscribe("undici:request:create", ({ request }) => requests.push(request));

const list = options =>
    succeeds("api-tokens/read", { where: { name: ["like", `%${NAME}%`] }, ...options });

function assertRow(data, ...more) {
    assert.deepEqual(Object.keys(data).sort(), [...ROW_FIELDS, ...more].sort());
}

function granted(permissions) {
    assert.ok(Object.values(permissions).every(value => typeof value === "boolean"));
    return Object.keys(permissions).filter(name => permissions[name]);
}

function nextHttpStatus() {
    return new Promise(resolve => {
        diagnostics.subscribe("undici:request:headers", ({ response }) => resolve(response.statusCode));
    });
}

async function assertRefused(token, httpStatus, code) {
    const client = connect(token);
    if (PERSISTENT) {
        await failsBy(client, code, "api-tokens/read");
        return;
    }
    // Over HTTP the client has no `emit`, yet calls it for -32811, -32813 and -32815; so the code
    // itself is read from a plain answer, through the client's own decoder.
    await assert.rejects(client.call("api-tokens/read"), {
        name: "TypeError",
        message: "this.emit is not a function",
    });
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${API_URL}/api/v1/api-tokens/read`, { headers });
    const { status } = result.fromJsonRpc(await response.json());
    assert.deepEqual([response.status, status], [httpStatus, code]);
}

async function createByNameOnly() {
    // The client writes a trailing undefined as null.
    const { data } = await succeeds("api-tokens/create", `${NAME} plain`, undefined);
    plain = data;
    assertRow(plain, "token");
    assert.deepEqual([plain.name, plain.role, plain.enabled], [`${NAME} plain`, null, true]);
    assert.deepEqual(granted(plain.permissions), []);
}

async function createWithOptions() {
    const { data } = await succeeds("api-tokens/create", `${NAME} reader`, { role: "read-only" });
    reader = data;
    assertRow(reader, "token");
    assert.equal(reader.role, "read-only");
    assert.deepEqual(granted(reader.permissions), ["read"]);
    assert.notEqual(reader.token, plain.token);
}

async function readWithoutArguments() {
    const { data, meta } = await succeeds("api-tokens/read");
    if (PERSISTENT) {
        assert.deepEqual(api.sent.at(-1).params, []);
    } else {
        const { method, body } = requests.at(-1);
        assert.deepEqual({ method, body }, { method: "GET", body: null });
    }
    assert.ok(data.length >= 2);
    assert.equal(meta.rows, data.length);
    data.forEach(each => assertRow(each));
}

async function readWithOptions() {
    const options = { order_by: [["name", "desc"]], limit: 1 };
    const first = await list(options);
    assert.deepEqual(first.data.map(each => each.id), [reader.id]);
    assert.deepEqual([first.meta.rows, first.meta.next_page], [1, true]);
    const second = await list({ ...options, offset: 1 });
    assert.deepEqual(second.data.map(each => each.id), [plain.id]);
    assert.deepEqual([second.meta.rows, second.meta.next_page], [1, false]);
}

async function readOne() {
    const { token, ...expected } = reader;
    const data = await row(reader.id);
    assertRow(data);
    assert.deepEqual(data, expected);
}

async function permissionsGoBackAsTheyCame() {
    const before = await succeeds("api-tokens/get-permissions", reader.id);
    assert.deepEqual(granted(before.data), ["read"]);
    assert.equal(before.data.write, false);
    const after = await succeeds("api-tokens/set-permissions", reader.id, before.data);
    assert.deepEqual(after.data, before.data);
}

async function updatePermissionsMerges() {
    const { data: before } = await succeeds("api-tokens/get-permissions", reader.id);
    const { data } = await succeeds("api-tokens/update-permissions", reader.id, { write: true });
    assert.deepEqual(data, { ...before, write: true });
}

async function disabledTokenIsRefused() {
    const { data } = await succeeds("api-tokens/set-enabled", reader.id, false);
    assert.ok(data == null);
    assert.equal((await row(reader.id)).enabled, false);
    await assertRefused(reader.token, 403, -32813);
}

async function enabledTokenWorksAgain() {
    await succeeds("api-tokens/set-enabled", reader.id, true);
    const { data } = await succeedsBy(connect(reader.token), "api-tokens/read", { id: reader.id });
    assert.equal(data.enabled, true);
}

async function faultsAreListed() {
    const res = await fails(-32808, "api-tokens/create", 42);
    assert.equal(res.statusText, "Arguments validation error");
    assert.ok(res.meta.errors.length > 0);
    assert.ok(res.meta.errors.every(error => typeof error === "string"));
    const missing = await fails(-32808, "api-tokens/create");
    assert.ok(missing.meta.errors.length > 0);
}

async function missingTokenIsAPlainResult() {
    const res = await fails(404, "api-tokens/read", { id: NOWHERE });
    assert.equal(res.statusText, "Token not found");
}

async function unknownMethodIsAPlainResult() {
    const res = await fails(-32809, "api-tokens/no-such-method", 1);
    assert.equal(res.statusText, "API method not found");
}

async function voidCallTakesEffect() {
    const answered = PERSISTENT ? 200 : nextHttpStatus();
    assert.equal(api.voidCall("api-tokens/set-enabled", plain.id, false), undefined);
    assert.equal(await answered, 200);
    await rowBecomes(plain.id, "enabled", false);
    const call = { method: "api-tokens/set-enabled", args: [plain.id, true], void: true };
    if (PERSISTENT) {
        // The call is sent, but the client looks for the status of the answer that never comes.
        await assert.rejects(api.call(call), TypeError);
    } else {
        assert.equal(await api.call(call), undefined);
    }
    await rowBecomes(plain.id, "enabled", true);
}

async function deletedTokenIsGone() {
    const { data } = await succeeds("api-tokens/delete", reader.id);
    assert.ok(data == null);
    assert.deepEqual((await list()).data.map(each => each.id), [plain.id]);
    await fails(404, "api-tokens/delete", reader.id);
    await assertRefused(reader.token, 401, -32815);
}

async function listMayBeEmpty() {
    await succeeds("api-tokens/delete", plain.id);
    const { data, meta } = await list();
    assert.deepEqual(data, []);
    assert.deepEqual([meta.rows, meta.next_page], [0, false]);
}

const STEPS = [
    createByNameOnly,
    createWithOptions,
    readWithoutArguments,
    readWithOptions,
    readOne,
    permissionsGoBackAsTheyCame,
    updatePermissionsMerges,
    disabledTokenIsRefused,
    enabledTokenWorksAgain,
    faultsAreListed,
    missingTokenIsAPlainResult,
    unknownMethodIsAPlainResult,
    voidCallTakesEffect,
    deletedTokenIsGone,
    listMayBeEmpty,
];

await run(PERSISTENT ? [...STEPS, ...(await import("./live.mjs")).STEPS] : STEPS);
