// Owns what the scenarios of all clients expect of an answer, whichever client brought it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export const { API_URL, API_TOKEN } = process.env;
export const SOCKET_URL = `${API_URL.replace("http:", "ws:")}/api`;
export const NAME = `jsonrpc ${randomUUID()}`;
export const NOWHERE = "01900000-0000-7000-8000-000000000000";

export const CREATE = "v1/api-tokens/create";
export const READ = "/v1/api-tokens/read";
export const UNKNOWN = "v1/api-tokens/no-such-method";

export const named = name => ({ where: { name: ["=", `${NAME} ${name}`] } });

/** The data of a result, which is that of a call that went well. */
export function dataOf(result) {
    const { status, status_text, exception, data } = result;
    assert.deepEqual([status, status_text, exception], [200, "OK", false]);
    return data;
}

/** The error is this, and has the members that the service gives each. */
export function assertError(error, code, message) {
    assert.deepEqual([error.code, error.message], [code, message]);
    assert.equal(error.data.exception, false);
    assert.equal(typeof error.data.meta, "object");
}

/** The faults of arguments are told beside the error. */
export function assertFault(error, path) {
    assertError(error, -32602, "Invalid params");
    assert.deepEqual(error.data.meta.faults.map(fault => fault.path), [path]);
}
